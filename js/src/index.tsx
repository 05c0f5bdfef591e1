// What the bundle gives to the App: the panel's component, and two operators for scripts.

import { Operator, OperatorConfig, registerOperator, type ExecutionContext } from "@fiftyone/operators";
import { PluginComponentType, registerComponent } from "@fiftyone/plugins";
import { openTab, PLUGIN } from "./app";
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
    setAddress(String(ctx.params["url"] ?? ""));
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
