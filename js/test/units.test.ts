// Functions without components, and what the bundle registers.

import { describe, expect, it } from "vitest";
import { openTab } from "../src/app";
import { points } from "../src/charts";
import { age, bytes, number, plural, span, text, webAddress } from "../src/format";
import { getAddress, setAddress } from "../src/nav";
import { LinkOut } from "../src/parts";
import { components, operators, prompted } from "./app";

describe("values for people", () => {
  const now = Date.parse("2026-03-01T12:00:00Z");
  it.each([
    ["2026-03-01T11:59:30", "just now"],
    ["2026-03-01T11:00:00Z", "1 hour ago"],
    ["2026-02-27T12:00:00", "2 days ago"],
    ["2026-03-01T14:00:00+02:00", "just now"],
    ["", ""],
    ["yesterday", ""],
  ])("an age: %s", (iso, expected) => expect(age(iso, now)).toBe(expected));

  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1500, "1.5 kB"],
    [2_500_000, "2.5 MB"],
    [3e12, "3.0 TB"],
  ])("%d bytes", (size, expected) => expect(bytes(size)).toBe(expected));

  it.each([
    [0, "0"],
    [12345, "12,345"],
    [0.123456, "0.1235"],
    [0.00001234, "1.23e-5"],
    [1e12, "1.00e+12"],
  ])("the number %d", (value, expected) => expect(number(value)).toBe(expected));

  it("others", () => {
    expect(plural(1, "sample")).toBe("1 sample");
    expect(plural(2000, "sample")).toBe("2,000 samples");
    expect(text(null)).toBe("–");
    expect(text([1, 2])).toBe("[1,2]");
    expect(span(2.25)).toBe("2.3 s");
    expect(span(125)).toBe("2 min 5 s");
    expect(span(7300)).toBe("2 h 2 min");
  });
});

it("what is not a number is left out of a curve", () => {
  expect(
    points(
      [
        { _step: 1, a: 1 },
        { _step: 2, a: "NaN" },
        { _step: 4, a: Infinity },
        { _step: 5, a: 0 },
      ],
      "a",
    ),
  ).toEqual([
    [1, 1],
    [5, 0],
  ]);
});

it.each([
  "javascript:alert(1)",
  " javascript:alert(1)",
  "JavaScript://wandb.ai/%0aalert(1)",
  "data:text/html,x",
  "blob:https://wandb.ai/x",
  "file:///etc/passwd",
  "vscode://x",
  "//host/path",
  "https://",
  "https://wandb.ai@evil.test/login",
  `https://wandb.ai/${"x".repeat(5000)}`,
  "",
])("opens no address like %s", async (url) => {
  expect(openTab(url)).toBe(false);
  expect(LinkOut({ url, children: "Open" })).toBeNull();
  setAddress("");
  await import("../src/index");
  for (const name of ["set_wandb_url", "embed_report"]) {
    await operators.find(({ operator }) => operator.config.name === name)?.operator.execute({ params: { url } });
  }
  expect(getAddress()).toBe("");
  expect(window.open).not.toHaveBeenCalled();
});

it("shows addresses in plain characters", () => {
  expect(webAddress("https://wandb.ai/a?b=c#d")).toBe("https://wandb.ai/a?b=c#d");
  expect(webAddress("https://wandb.ai/\u202egnp\u0000.exe")).toBe("https://wandb.ai/%E2%80%AEgnp%00.exe");
});

it("registers the panel's component and the names of the original", async () => {
  await import("../src/index");
  expect(components.map(({ name }) => name)).toEqual(["WandBPanelView"]);
  expect(operators.map(({ operator, plugin }) => [plugin, operator.config.name])).toEqual([
    ["@harpreetsahota/wandb", "set_wandb_url"],
    ["@harpreetsahota/wandb", "embed_report"],
    ["@harpreetsahota/wandb", "open_form"],
  ]);
  await operators[0]?.operator.execute({ params: { url: "https://wandb.test/x" } });
  expect(window.open).toHaveBeenCalledWith("https://wandb.test/x", "_blank", "noopener,noreferrer");
});

it("closes the form that is open before it opens another", async () => {
  await import("../src/index");
  const form = document.body.appendChild(document.createElement("div"));
  form.dataset["cy"] = "operators-prompt-modal";
  const close = (event: KeyboardEvent) => {
    expect(event.key).toBe("Escape");
    // The App takes a moment.
    setTimeout(() => form.remove(), 50);
  };
  document.addEventListener("keydown", close, { once: true });
  const operator = operators.find(({ operator }) => operator.config.name === "open_form")?.operator;

  const hooks = operator?.useHooks();
  const params = { operator: "@harpreetsahota/wandb/log_model_predictions", form: { project: "p" } };
  const done = operator?.execute({ params, hooks });
  expect(prompted).toEqual([]);
  await done;

  expect(form.isConnected).toBe(false);
  expect(prompted).toEqual([params]);
  await operator?.execute({ params: { operator: "@voxel51/operators/delete_samples" }, hooks });
  expect(prompted).toEqual([params]);
});
