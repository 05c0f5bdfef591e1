// Each page by itself: what it shows, and what its buttons ask for.

import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import React from "react";
import { describe, expect, it } from "vitest";
import { WandBPanel } from "../src/WandBPanel";
import { answer, artifact, asked, DATASET, events, NO_TABLE, problem, run } from "./app";

const user = userEvent.setup();
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

async function open(...path: RegExp[]) {
  render(<WandBPanel />);
  const [tab, ...links] = path;
  if (tab) await user.click(await screen.findByRole("tab", { name: tab }));
  for (const link of links) await user.click(await screen.findByRole("button", { name: link }));
}

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

const DETAILS = {
  run: run("a"),
  config: { lr: 0.001, "model.depth": 50 },
  summary: { loss: 0.25 },
  notes: "Second try.",
  historyKeys: ["_step", "loss", "acc"],
  history: [
    { _step: 0, loss: 2, acc: 0.1 },
    { _step: 1, loss: "NaN", acc: 0.5 },
    { _step: 2, loss: 0.25, acc: 0.9 },
  ],
  inputs: [artifact("digits_train", "v1")],
  outputs: [],
};

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

const CONTENT = {
  artifact: artifact("digits_preds", "v1", { type: "predictions", model: "svm", field: "predictions" }),
  metadata: { model_name: "svm" },
  classes: { seven: 10, one: 5 },
  usedBy: [run("b"), run("a")],
  createdBy: run("a"),
};

function predictions() {
  answer("artifacts", { artifacts: [CONTENT.artifact], next: "", total: 1 });
  answer("versions", {
    artifacts: [CONTENT.artifact, artifact("digits_preds", "v0", { aliases: [] })],
    next: "",
    total: 2,
  });
  answer("artifact", CONTENT);
}

describe("an artifact", () => {
  it("says what it is, who made it and who used it", async () => {
    predictions();
    await open(/Artifacts/, /^digits_preds:v1$/);
    expect(await screen.findByText("2.5 MB in 5 files")).toBeTruthy();
    expect(within(await screen.findByRole("region", { name: "Made by" })).getByText("run a")).toBeTruthy();
    const users = screen.getByRole("region", { name: "Used by" });
    expect(within(users).getByText("run b")).toBeTruthy();
    expect(within(users).queryByText("run a")).toBeNull();
  });

  it("is loaded, waits for the view, and says what came of it", async () => {
    predictions();
    let times = 0;
    answer("load", { loading: "L1" });
    answer("loading", () =>
      ++times < 2
        ? { state: "pending", text: "Making the view" }
        : {
            result: {
              artifact_name: "x",
              samples_loaded: 7,
              way: "stages",
              gone: 1,
              new: 0,
              view_name: null,
              warnings: [],
            },
          },
    );
    await open(/Artifacts/, /^digits_preds:v1$/);
    await user.click(await screen.findByRole("button", { name: "Low confidence only" }));
    expect(await screen.findByText(/Making the view/)).toBeTruthy();
    expect(await screen.findByText(/Shown: 7 rows/, {}, { timeout: 3000 })).toBeTruthy();
    expect(asked("load")).toMatchObject([
      { artifact: "digits_preds:v1", low_confidence: true, action: "apply_to_session" },
    ]);
  });

  it("is saved under a name", async () => {
    predictions();
    answer("load", { state: "problem", code: "view_exists", text: "There is a saved view of this name already" });
    await open(/Artifacts/, /^digits_preds:v1$/);
    await user.click(await screen.findByRole("button", { name: "Save view" }));
    await user.type(screen.getByRole("textbox", { name: "Name" }), "mine{Enter}");
    expect(await screen.findByText("There is a saved view of this name already")).toBeTruthy();
    expect(asked("load")).toMatchObject([{ action: "save_as_view", view_name: "mine" }]);
  });

  it("is compared with another version", async () => {
    predictions();
    answer("comparison", {
      parts: {
        added: { samples: 3, missing: 0 },
        removed: { samples: 2, missing: 2 },
        kept: { samples: 9, missing: 1 },
      },
    });
    answer("show_part", {});
    await open(/Artifacts/, /^digits_preds:v1$/);
    await user.selectOptions(await screen.findByRole("combobox", { name: /has changed since/ }), "v0");
    expect(asked("comparison")).toMatchObject([{ old: "digits_preds:v0", new: "digits_preds:v1" }]);
    expect(((await screen.findByRole("button", { name: "Removed: 2" })) as HTMLButtonElement).disabled).toBe(true);
    await user.click(screen.getByRole("button", { name: "Added: 3" }));
    expect(asked("show_part")).toMatchObject([{ part: "added", old: "digits_preds:v0" }]);
  });

  it("forgets what came of another version", async () => {
    predictions();
    const older = artifact("digits_preds", "v0", { type: "predictions" });
    answer("artifact", (params) =>
      params["artifact"] === "digits_preds:v0" ? { ...CONTENT, artifact: older } : CONTENT,
    );
    answer("load", problem("stop", "Not this one."));
    answer("comparison", { parts: {} });
    await open(/Artifacts/, /^digits_preds:v1$/);
    const version = await screen.findByRole("combobox", { name: "Version" });
    await user.selectOptions(version, "v0");
    await user.selectOptions(await screen.findByRole("combobox", { name: "What v0 has changed since" }), "v1");
    await user.click(screen.getByRole("button", { name: "Load view" }));
    expect(await screen.findByText("Not this one.")).toBeTruthy();
    await user.selectOptions(version, "v1");
    const changed = await screen.findByRole<HTMLSelectElement>("combobox", { name: "What v1 has changed since" });
    expect(changed.value).toBe("");
    expect(screen.queryByText("Not this one.")).toBeNull();
    expect(asked("comparison")).toHaveLength(1);
  });

  it("says that there are more versions than are listed", async () => {
    predictions();
    answer("versions", { artifacts: [CONTENT.artifact, artifact("digits_preds", "v0")], next: "c1", total: 0 });
    await open(/Artifacts/, /^digits_preds:v1$/);
    expect(await screen.findByText("only the newest 2 are listed")).toBeTruthy();
  });

  it("of another dataset says so", async () => {
    answer("dataset", { ...DATASET, dataset: "faces" });
    predictions();
    await open(/Artifacts/, /^digits_preds:v1$/);
    expect(await screen.findByText(/This artifact is of the dataset “digits”/)).toBeTruthy();
  });

  it("of this dataset under another name says so", async () => {
    answer("dataset", { ...DATASET, dataset: "numerals", datasetId: "d2" });
    predictions();
    await open(/Artifacts/, /^digits_preds:v1$/);
    expect(await screen.findByText(/was renamed: it was called “digits”/)).toBeTruthy();
    expect(screen.queryByText(/This artifact is of the dataset/)).toBeNull();
  });

  it("cannot be loaded without a dataset", async () => {
    answer("dataset", { ...DATASET, dataset: null });
    predictions();
    await open(/Artifacts/, /^digits_preds:v1$/);
    expect(((await screen.findByRole("button", { name: "Load view" })) as HTMLButtonElement).disabled).toBe(true);
  });
});

describe("predictions", () => {
  const FACTS = {
    field: "predictions",
    classes: [
      { name: "seven", count: 9 },
      { name: "one", count: 5 },
    ],
    numClasses: 2,
    confidences: [0, 0, 4, 10],
    withoutConfidence: 1,
    rows: 12,
    notes: [],
  };

  it("are shown as bars, and a click shows the samples", async () => {
    predictions();
    answer("predictions", FACTS);
    answer("show_class", {});
    answer("show_confidence", {});
    await open(/Predictions/, /^digits_preds:v1$/);
    await user.click(await screen.findByRole("button", { name: "seven: 9. Show them" }));
    expect(asked("show_class")).toMatchObject([{ class: "seven", artifact: "digits_preds:v1" }]);
    await user.click(screen.getByRole("button", { name: "Confidence 0.50 to 0.75: 4. Show them" }));
    expect(asked("show_confidence")).toMatchObject([{ low: 0.5, high: 0.75 }]);
    expect(screen.getByText("1 label without a confidence.")).toBeTruthy();
    expect(screen.getByText(/15 predictions were logged, and the field “predictions” has 14/)).toBeTruthy();
  });

  it("without confidences say so", async () => {
    predictions();
    answer("predictions", { ...FACTS, confidences: [] });
    await open(/Predictions/, /^digits_preds:v1$/);
    expect(await screen.findByText("These predictions have no confidences.")).toBeTruthy();
  });
});

const TABLE = {
  ...NO_TABLE,
  tables: ["samples", "classes"],
  table: "samples",
  note: "",
  columns: ["id", "score", "text", "image", "none"],
  allColumns: 7,
  rows: [
    [
      { kind: "text", text: "s1", cut: false },
      { kind: "number", text: "0.123456", cut: false },
      { kind: "text", text: "w".repeat(300), cut: false },
      {
        kind: "image",
        text: "",
        cut: false,
        image: {
          picture: 0,
          problem: "",
          caption: "the first",
          boxes: [
            {
              key: "truth",
              left: 3,
              boxes: [{ x: 0.1, y: 0.2, width: 0.3, height: 0.4, caption: "cat", colour: "#ff0000" }],
            },
            {
              key: "model",
              left: 0,
              boxes: [{ x: 0.5, y: 0.5, width: 0.1, height: 0.1, caption: "dog (0.75)", colour: "#00ff00" }],
            },
          ],
          masks: [{ key: "segments", picture: 1, problem: "" }],
        },
      },
      { kind: "empty", text: "", cut: false },
    ],
    [
      { kind: "json", text: "[1,2]", cut: false },
      { kind: "empty", text: "", cut: false },
      { kind: "media", text: "video", cut: false },
      {
        kind: "image",
        text: "",
        cut: false,
        image: { picture: null, problem: "The picture is damaged.", caption: "", boxes: [], masks: [] },
      },
      { kind: "bool", text: "true", cut: false },
    ],
  ],
  more: true,
  total: 1234,
  pictures: [
    { url: "data:image/jpeg;base64,AA==", width: 200, height: 100 },
    { url: "data:image/png;base64,AA==", width: 200, height: 100 },
  ],
  classes: [{ name: "road", colour: "#0000ff" }],
};

describe("the first rows of an artifact's table", () => {
  it("show pictures with their layers, which can be switched off", async () => {
    predictions();
    answer("table", TABLE);
    await open(/Artifacts/, /^digits_preds:v1$/);
    const rows = await screen.findByRole("region", { name: "Rows of samples" });
    expect(within(rows).getByRole<HTMLImageElement>("img", { name: "the first" }).src).toContain("data:image/jpeg");
    expect(within(rows).getByText("cat")).toBeTruthy();
    expect(within(rows).getByText("3 more boxes are not shown")).toBeTruthy();
    expect(within(rows).getByText("The picture is damaged.")).toBeTruthy();
    expect(screen.getByText("road")).toBeTruthy();
    const box = within(rows).getByText("dog (0.75)").parentElement;
    expect(box?.style.left).toBe("50%");
    expect(box?.title).toBe("model: dog (0.75)");

    await user.click(screen.getByRole("checkbox", { name: "model" }));
    expect(within(rows).queryByText("dog (0.75)")).toBeNull();
    expect(within(rows).getByText("cat")).toBeTruthy();
    expect(rows.querySelectorAll(".w-mask")).toHaveLength(1);
    await user.click(screen.getByRole("checkbox", { name: "segments" }));
    expect(rows.querySelectorAll(".w-mask")).toHaveLength(0);
  });

  it("shorten texts, with the whole on hover, and say how much there is", async () => {
    predictions();
    answer("table", TABLE);
    await open(/Artifacts/, /^digits_preds:v1$/);
    const rows = await screen.findByRole("region", { name: "Rows of samples" });
    expect(
      within(rows)
        .getAllByRole("columnheader")
        .map((head) => head.textContent),
    ).toEqual(["image", "id", "score", "text", "none"]);
    const text = within(rows).getByTitle("w".repeat(300));
    expect(text.textContent?.length).toBeLessThan(130);
    expect(within(rows).getByText("0.1235").className).toContain("w-number");
    expect(within(rows).getByText("(video)")).toBeTruthy();
    expect(screen.getByText("The first 2 of 1,234 rows. 2 more columns are not shown.")).toBeTruthy();
    await user.selectOptions(screen.getByRole("combobox", { name: "Table" }), "classes");
    await waitFor(() => expect(asked("table").at(-1)).toMatchObject({ artifact: "digits_preds:v1", table: "classes" }));
  });

  it("say why there are none", async () => {
    predictions();
    await open(/Artifacts/, /^digits_preds:v1$/);
    expect(await screen.findByText("This artifact has no table.")).toBeTruthy();
  });

  it("are shown on the page of the run that has made them, in their newest version", async () => {
    answer("runs", { runs: [run("a")], next: "", total: 1 });
    answer("run", {
      ...DETAILS,
      outputs: [artifact("mine", "v9"), artifact("mine", "v10"), artifact("weights", "v0", { type: "model" })],
    });
    answer("table", TABLE);
    await open(/Runs/, /^run a$/);
    const table = await screen.findByRole("region", { name: "Table of mine:v10" });
    expect(await within(table).findByText("cat")).toBeTruthy();
    expect(asked("table")).toMatchObject([{ artifact: "mine:v10" }]);
  });
});

describe("offline runs", () => {
  const RUN = {
    directory: "/home/me/wandb/offline-run-1",
    name: "offline-run-1",
    artifact: "digits_train",
    type: "dataset",
    entity: "",
    project: "second",
    rows: 40,
    written: Date.now() / 1000 - 7200,
  };

  it("are uploaded from the list of jobs, with progress", async () => {
    let times = 0;
    answer("offline", () => ({ runs: times > 1 ? [] : [RUN] }));
    answer("sync", { syncing: "s1" });
    answer("syncing", () => (++times < 2 ? { state: "pending", text: "Uploading: 1 of 3 files" } : { result: {} }));
    await open(/Jobs/);
    const entry = await screen.findByRole("listitem", { name: "Offline run offline-run-1" });
    expect(within(entry).getByText("to second")).toBeTruthy();
    expect(within(entry).getByText("2 hours ago")).toBeTruthy();
    await user.click(within(entry).getByRole("button", { name: "Upload" }));
    expect(await within(entry).findByText(/1 of 3 files/)).toBeTruthy();
    await waitFor(() => expect(screen.queryByText("digits_train")).toBeNull(), { timeout: 3000 });
    expect(asked("sync")).toMatchObject([{ directory: RUN.directory }]);
  });

  it("that could not be uploaded say why, and stay", async () => {
    answer("offline", { runs: [RUN] });
    answer("sync", { syncing: "s1" });
    answer("syncing", problem("offline_changed", "A file of it is gone."));
    await open(/Jobs/);
    await user.click(await screen.findByRole("button", { name: "Upload" }));
    expect((await screen.findByRole("alert")).textContent).toBe("A file of it is gone.");
    expect(screen.getByRole("button", { name: "Upload" })).toBeTruthy();
  });
});
