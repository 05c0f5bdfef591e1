// The pages of runs and of one run: what they show, and what their buttons ask for.

import { screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { answer, asked, DATASET, events, run } from "./app";
import { DETAILS, open, user } from "./pages";

const RECORD = {
  key: "run_b",
  linked: true,
  id: "b",
  entity: "me",
  project: "second",
  name: "run b",
  state: "running",
  created: "2025-01-01T00:00:00",
  url: "http://wandb.test/runs/b",
  field: "predictions",
};

describe("runs", () => {
  it("of the dataset come first, even if they are not on the page", async () => {
    answer("dataset", { ...DATASET, records: [RECORD] });
    answer("runs", { runs: [run("a")], next: "", total: 2 });
    await open();
    const mine = await screen.findByRole("region", { name: "Runs of this dataset" });
    expect(within(mine).getByText("run b")).toBeTruthy();
    expect(within(mine).getByText("linked: predictions")).toBeTruthy();
    expect(within(await screen.findByRole("region", { name: "All runs" })).getByText("run a")).toBeTruthy();
  });

  it("are searched when the typing has stopped, and paged", async () => {
    answer("runs", (params) => ({
      runs: [run(params["after"] ? "old" : "new")],
      next: params["after"] ? "" : "c1",
      total: 60,
    }));
    await open();
    await screen.findByText("run new");
    await user.click(screen.getByRole("button", { name: "Older" }));
    expect(await screen.findByText("run old")).toBeTruthy();
    expect(asked("runs").at(-1)).toMatchObject({ after: "c1" });
    await user.click(screen.getByRole("button", { name: "Newer" }));
    expect(await screen.findByText("run new")).toBeTruthy();
    await user.type(screen.getByRole("searchbox"), "digits");
    await waitFor(() => expect(asked("runs").at(-1)).toMatchObject({ search: "digits", after: "" }));
    expect(asked("runs").filter((params) => params["search"]).length).toBe(1);
  });

  it("show the metrics that are asked for", async () => {
    answer("runs", { runs: [run("a", { metrics: { "val/acc": 0.93751 } })], next: "", total: 1 });
    await open();
    await user.type(await screen.findByRole("textbox", { name: "Metrics" }), "val/acc, loss{Enter}");
    await waitFor(() => expect(asked("runs").at(-1)).toMatchObject({ metrics: ["val/acc", "loss"] }));
    expect(await screen.findByText("0.9375")).toBeTruthy();
  });
});

describe("coming back to a page", () => {
  it("finds the search as it was, and the keyboard's focus on the page", async () => {
    answer("runs", (params) => ({ runs: [run(params["search"] ? "found" : "new")], next: "", total: 1 }));
    answer("run", { ...DETAILS, run: run("found") });
    await open();
    await user.type(await screen.findByRole("searchbox"), "fou");
    await user.click(await screen.findByRole("button", { name: "run found" }));
    await screen.findByRole("heading", { name: "run found" });
    expect(document.activeElement?.getAttribute("role")).toBe("tabpanel");

    await user.click(screen.getByRole("button", { name: "← Runs" }));
    expect((await screen.findByRole<HTMLInputElement>("searchbox")).value).toBe("fou");
    expect(screen.getByRole("button", { name: "run found" })).toBeTruthy();
  });

  it("keeps the Enter key from the App, which would take it away from the buttons", async () => {
    answer("runs", { runs: [run("a")], next: "", total: 1 });
    await open();
    const heard: string[] = [];
    const listen = (event: KeyboardEvent) => heard.push(event.key);
    document.addEventListener("keydown", listen);
    (await screen.findByRole("button", { name: "run a" })).focus();
    await user.keyboard("{Enter}{Escape}");
    document.removeEventListener("keydown", listen);
    expect(heard).toEqual(["Escape"]);
  });
});

describe("a run", () => {
  it("shows its values and curves, and others' over them", async () => {
    answer("runs", { runs: [run("a"), run("c")], next: "", total: 2 });
    answer("run", (params) => ({ ...DETAILS, run: run(String(params["run"])) }));
    await open(/Runs/, /^run a$/);
    expect(await screen.findByText("Second try.")).toBeTruthy();
    expect(within(screen.getByRole("table", { name: "Config" })).getByText("model.depth")).toBeTruthy();
    expect(await screen.findByRole("img", { name: "loss. run a: from 2 to 0.25" })).toBeTruthy();
    expect(asked("run").at(-1)).toMatchObject({ run: "a", keys: ["loss", "acc"] });

    await user.click(screen.getByText("Compare with other runs"));
    await user.click(screen.getByRole("checkbox", { name: "run c" }));
    expect(
      await screen.findByRole("img", { name: "acc. run a: from 0.1 to 0.9; run c: from 0.1 to 0.9" }),
    ).toBeTruthy();
    await user.click(screen.getByRole("button", { name: "digits_train:v1" }));
    await waitFor(() => expect(asked("artifact").at(-1)).toMatchObject({ artifact: "digits_train:v1" }));
  });

  it("offers the first of many metrics, and all of them on demand", async () => {
    const historyKeys = Array.from({ length: 30 }, (_, index) => `metric ${index}`);
    answer("runs", { runs: [run("a")], next: "", total: 1 });
    answer("run", { ...DETAILS, historyKeys });
    await open(/Runs/, /^run a$/);
    expect(await screen.findAllByRole("checkbox")).toHaveLength(12);
    await user.click(screen.getByRole("button", { name: "Show all 30 metrics" }));
    expect(screen.getAllByRole("checkbox")).toHaveLength(30);
  });

  it("that diverged shows the way there", async () => {
    answer("runs", { runs: [run("a")], next: "", total: 1 });
    answer("run", {
      ...DETAILS,
      historyKeys: ["loss", "samples"],
      summary: { loss: "NaN", samples: "(table, 3 rows)" },
    });
    await open(/Runs/, /^run a$/);
    expect(await screen.findByRole("img", { name: /^loss\. run a: from 2/ })).toBeTruthy();
    expect(screen.getAllByRole("checkbox")).toHaveLength(1);
  });

  it("is linked to the dataset and a field, and unlinked", async () => {
    answer("runs", { runs: [run("b")], next: "", total: 1 });
    answer("run", { ...DETAILS, run: run("b"), historyKeys: [] });
    answer("log_wandb_run", () => {
      answer("dataset", { ...DATASET, records: [RECORD] });
      return {};
    });
    answer("remove_wandb_run", {});
    await open(/Runs/, /^run b$/);
    await user.selectOptions(await screen.findByRole("combobox", { name: "Predictions field" }), "predictions");
    await user.click(screen.getByRole("button", { name: "Link to this dataset" }));
    await screen.findByText(/Linked to this dataset, field predictions/);
    const linked = events.find((event) => event.operator.endsWith("/log_wandb_run"));
    expect(linked?.params).toMatchObject({ project: "second", run_id: "b", predictions_field: "predictions" });
    await user.click(screen.getByRole("button", { name: "Unlink" }));
    const removed = events.find((event) => event.operator.endsWith("/remove_wandb_run"));
    expect(removed?.params).toEqual({ run_key: "run_b", in_panel: true });
  });

  it("says why it could not be linked", async () => {
    answer("runs", { runs: [run("b")], next: "", total: 1 });
    answer("run", { ...DETAILS, run: run("b"), historyKeys: [] });
    answer("log_wandb_run", { error: "Traceback", errorMessage: "Traceback\nRuntimeError: W&B refused it" });
    await open(/Runs/, /^run b$/);
    await user.click(await screen.findByRole("button", { name: "Link to this dataset" }));
    expect(await screen.findByText("W&B refused it")).toBeTruthy();
  });
});
