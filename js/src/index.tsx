// What the bundle gives to the App: the panel's component, two operators for scripts, and one for buttons.

import {
  Operator,
  OperatorConfig,
  registerOperator,
  usePromptOperatorInput,
  type ExecutionContext,
} from "@fiftyone/operators";
import { PluginComponentType, registerComponent } from "@fiftyone/plugins";
import { openTab, PLUGIN } from "./app";
import { webAddress } from "./format";
import { setAddress } from "./nav";
import { WandBPanel } from "./WandBPanel";

/** Opens a page of W&B in a new tab. */
class SetWandBUrl extends Operator {
  override get config() {
    return new OperatorConfig({ name: "set_wandb_url", label: "W&B: Open a page in a new tab", unlisted: true });
  }

  override async execute(ctx: ExecutionContext) {
    openTab(String(ctx.params["url"] ?? ""));
  }
}

/** Shows in the panel what was selected, with the way to its page. */
class EmbedReport extends Operator {
  override get config() {
    return new OperatorConfig({ name: "embed_report", label: "W&B: Show in the panel", unlisted: true });
  }

  override async execute(ctx: ExecutionContext) {
    const address = webAddress(String(ctx.params["url"] ?? ""));
    if (address) setAddress(address);
  }
}

/** The forms and dialogs of operators. */
const FORM = "[data-cy^=operators-prompt]";

/** How often to look whether a form has gone, in milliseconds, and how many times. */
const LOOK = 20;
const LOOKS = 100;

/**
 * Opens a form of this plugin from within a form or a dialog, which is closed first: the App would show the fields of the
 * form that is open instead of those of an operator that is not dynamic, and an operator that takes a key must not be dynamic.
 */
class OpenForm extends Operator {
  override get config() {
    return new OperatorConfig({ name: "open_form", label: "W&B: Open a form", unlisted: true });
  }

  override useHooks() {
    // eslint-disable-next-line react-hooks/rules-of-hooks -- the App calls this as a hook
    return { prompt: usePromptOperatorInput() };
  }

  override async execute(ctx: ExecutionContext) {
    const { prompt } = ctx.hooks as ReturnType<OpenForm["useHooks"]>;
    const { operator, form } = ctx.params as { operator?: unknown; form?: Record<string, unknown> };
    if (typeof operator !== "string" || !operator.startsWith(`${PLUGIN}/`)) return;
    if (document.querySelector(FORM)) {
      document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
    }
    for (let looks = 0; document.querySelector(FORM) && looks < LOOKS; looks++) {
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
    prompt(operator, form ?? {});
  }
}

registerComponent({
  name: "WandBPanelView",
  label: "W&B",
  component: WandBPanel,
  type: PluginComponentType.Component,
  activator: () => true,
});
registerOperator(SetWandBUrl, PLUGIN);
registerOperator(EmbedReport, PLUGIN);
registerOperator(OpenForm, PLUGIN);
