// The page Evaluations by itself: what it shows, what it asks for, and in which order.

import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import React from "react";
import { describe, expect, it } from "vitest";
import { short, signed, title, verdict } from "../src/evaluations";
import { number } from "../src/format";
import { WandBPanel } from "../src/WandBPanel";
import { answer, asked, DATASET, events, problem } from "./app";

const user = userEvent.setup();

function evaluation(key: string, more: object = {}) {
  return {
    key,
    type: "detection",
    method: "coco",
    truth: "ground_truth",
    predictions: "predictions",
    iou: 0.5,
    evaluated: "2026-01-01T00:00:00",
    ofView: false,
    hasResults: true,
    ...more,
  };
}

function one(name: string, more: object = {}) {
  return { name, precision: 0.5, recall: 0.5, f1: 0.5, support: 10, tp: 5, fp: 5, fn: 5, ap: 0.25, ...more };
}

const HEADLINE = {
  metrics: [
    { name: "precision", value: 0.25 },
    { name: "mAP", value: 0.123456789 },
  ],
  changed: 0,
};
const NUMBERS = {
  ...HEADLINE,
  key: "boxes",
  type: "detection",
  missing: "(none)",
  classes: [one("cat", { support: 30 }), one("dog", { f1: 0.9, support: 20 }), one("<b>", { f1: 0.1, ap: null })],
  confusion: {
    labels: ["cat", "dog", "(none)"],
    cells: [
      [0, 0, 25],
      [1, 1, 18],
      [0, 1, 4],
      [2, 0, 2],
      [1, 2, 1],
    ],
    left: 0,
    mostConfused: [0, 1, 2],
  },
  curves: [
    {
      kind: "precision_recall",
      title: "Precision-recall",
      lines: [
        {
          name: "mean",
          points: [
            [0, 1],
            [1, 0.5],
          ],
        },
        {
          name: "cat",
          points: [
            [0, 1],
            [1, 0],
          ],
        },
      ],
    },
  ],
};
const ARTIFACT = {
  name: "evaluation_digits",
  version: "v3",
  url: "http://wandb.test/a",
  entity: "me",
  project: "second",
};
const LOGGED = {
  logged: "logged",
  note: "",
  artifact: ARTIFACT,
  run: { id: "r9", name: "evaluation_r9", url: "http://wandb.test/r" },
  loggedAt: "",
};

async function open(key?: string) {
  render(<WandBPanel />);
  await user.click(await screen.findByRole("tab", { name: "Evaluations" }));
  if (key) await user.click(await screen.findByRole("button", { name: key }));
}

async function row(key: string) {
  return within(await screen.findByRole("listitem", { name: key }));
}

describe("the list", () => {
  it("shows what W&B has of each evaluation, and logs what it has not", async () => {
    answer("evaluations", {
      evaluations: [
        evaluation("boxes"),
        evaluation("old"),
        evaluation("new"),
        evaluation("failed", { hasResults: false }),
      ],
    });
    answer("headline", HEADLINE);
    answer("logged_evaluation", (params) =>
      params["key"] === "boxes"
        ? LOGGED
        : params["key"] === "old"
          ? { ...LOGGED, logged: "changed", note: "It was evaluated again" }
          : { logged: "not_logged", note: "" },
    );
    await open();
    const boxes = await row("boxes");
    expect(await boxes.findByText("logged")).toBeTruthy();
    expect(boxes.getByTitle("0.123456789").textContent).toContain("mAP 0.1235");
    expect(boxes.queryByRole("button", { name: /^Log/ })).toBeNull();
    expect(await (await row("old")).findByText("changed since")).toBeTruthy();
    expect((await row("failed")).getByText(/No results/)).toBeTruthy();
    expect(asked("headline").map((params) => params["key"])).not.toContain("failed");

    await user.click((await row("old")).getByRole("button", { name: "Log old to W&B" }));
    expect(events.at(-1)).toMatchObject({
      prompt: true,
      params: { eval_key: "old", artifact_name: "evaluation_digits", project: "second" },
    });
    await user.click((await row("new")).getByRole("button", { name: "Log new to W&B" }));
    expect(events.at(-1)?.params).not.toHaveProperty("artifact_name");
    await user.click(boxes.getByRole("button", { name: "The run evaluation_r9" }));
    await waitFor(() => expect(asked("run").at(-1)).toMatchObject({ run: "r9" }));
  });

  it("reads two evaluations at a time, and goes on behind one that is damaged", async () => {
    let waiting = true;
    answer("evaluations", { evaluations: ["a", "b", "c"].map((key) => evaluation(key)) });
    answer("headline", (params) =>
      params["key"] === "b"
        ? problem("damaged_results", "The results are damaged.")
        : waiting && params["key"] === "a"
          ? { state: "pending", text: "Reading" }
          : HEADLINE,
    );
    answer("logged_evaluation", { logged: "not_logged", note: "" });
    await open();
    expect(await (await row("b")).findByText("The results are damaged.")).toBeTruthy();
    expect(await (await row("c")).findByText("not logged")).toBeTruthy();
    expect((await row("a")).getByText(/Reading/)).toBeTruthy();
    waiting = false;
    expect(await (await row("a")).findByText("not logged", {}, { timeout: 3000 })).toBeTruthy();
  });

  it("shows the numbers of all while W&B does not answer", async () => {
    answer("evaluations", { evaluations: ["a", "b", "c"].map((key) => evaluation(key)) });
    answer("headline", HEADLINE);
    answer("logged_evaluation", { state: "pending", text: "W&B has not answered yet" });
    await open();
    for (const key of ["a", "b", "c"]) expect(await (await row(key)).findByTitle("0.123456789")).toBeTruthy();
    expect(new Set(asked("logged_evaluation").map((params) => params["key"]))).toEqual(new Set(["a", "b"]));
  });

  it("says once what W&B refuses", async () => {
    answer("evaluations", { evaluations: ["a", "b", "c"].map((key) => evaluation(key)) });
    answer("headline", HEADLINE);
    answer("logged_evaluation", problem("no_permission", "You may not."));
    await open();
    for (const key of ["a", "b", "c"]) expect(await (await row(key)).findByText(/not known/)).toBeTruthy();
    expect(screen.getAllByText("You may not.")).toHaveLength(1);

    answer("logged_evaluation", { logged: "not_logged", note: "" });
    await user.click(screen.getByRole("button", { name: "Try again" }));
    for (const key of ["a", "b", "c"]) expect(await (await row(key)).findByText("not logged")).toBeTruthy();
    expect(screen.queryByText("You may not.")).toBeNull();
  });

  it("says so where there are none", async () => {
    answer("evaluations", { evaluations: [] });
    await open();
    expect(await screen.findByText(/has no evaluations yet/)).toBeTruthy();
  });

  it("needs a dataset", async () => {
    answer("dataset", { ...DATASET, dataset: null, datasetId: null });
    await open();
    expect(await screen.findByText(/Open a dataset/)).toBeTruthy();
  });
});

describe("an evaluation", () => {
  function prepare(numbers: object = NUMBERS, comparable: string[] = []) {
    answer("evaluations", { evaluations: [evaluation("boxes")] });
    answer("headline", HEADLINE);
    answer("logged_evaluation", LOGGED);
    answer("evaluation", { numbers, comparable });
    answer("show_evaluated", {});
  }

  it("shows the labels of a cell, a class and an outcome", async () => {
    prepare();
    await open("boxes");
    await user.click(
      (await screen.findAllByRole("button", { name: "cat, predicted as dog: 4. Show them" }))[0] as HTMLElement,
    );
    await waitFor(() =>
      expect(asked("show_evaluated").at(-1)).toMatchObject({
        what: "cell",
        key: "boxes",
        truth: "cat",
        predicted: "dog",
      }),
    );
    await user.click((await screen.findAllByRole("button", { name: /^dog, missed: 1/ }))[0] as HTMLElement);
    await waitFor(() => expect(asked("show_evaluated").at(-1)).toMatchObject({ truth: "dog", predicted: "(none)" }));
    await user.click(screen.getByRole("button", { name: "<b>: Support 10. Show them" }));
    await waitFor(() => expect(asked("show_evaluated").at(-1)).toMatchObject({ what: "class", class: "<b>" }));
    await user.click(screen.getByRole("button", { name: "cat: 5 false positives. Show them" }));
    await waitFor(() =>
      expect(asked("show_evaluated").at(-1)).toMatchObject({ what: "outcome", outcome: "fp", class: "cat" }),
    );
  });

  it("says what could not be shown", async () => {
    prepare();
    answer("show_evaluated", problem("empty_view", "There is nothing to show"));
    await open("boxes");
    await user.click(await screen.findByRole("button", { name: "Worst samples first" }));
    expect(await screen.findByText("There is nothing to show")).toBeTruthy();
  });

  it("sorts its classes; those without a value come last", async () => {
    prepare();
    await open("boxes");
    const names = () =>
      screen
        .getAllByRole("button", { name: /: (AP|F1|Support) .*Show them/ })
        .map((button) => button.getAttribute("aria-label")?.split(":")[0]);
    await waitFor(() => expect(names()).toEqual(["cat", "dog", "<b>"]));
    await user.selectOptions(screen.getByRole("combobox", { name: "Bars" }), "f1");
    await user.selectOptions(screen.getByRole("combobox", { name: "Order" }), "low");
    expect(names()).toEqual(["<b>", "cat", "dog"]);
    await user.selectOptions(screen.getByRole("combobox", { name: "Bars" }), "ap");
    expect(names()).toEqual(["cat", "dog", "<b>"]);
  });

  it("of 1,000 classes shows a few, and finds the others", async () => {
    const labels = Array.from({ length: 1000 }, (_, i) => `class ${i}`);
    const cells = [...labels.map((_, i) => [i, i, 5]), ...labels.map((_, i) => [i, (i + 1) % 1000, 1 + (i % 50)])].sort(
      (a, b) => (b[2] ?? 0) - (a[2] ?? 0),
    );
    const confusion = { labels, cells, left: 7, mostConfused: labels.map((_, i) => 999 - i) };
    prepare({ ...NUMBERS, classes: labels.map((name, i) => one(name, { support: i })), confusion });
    await open("boxes");
    await screen.findByRole("button", { name: "class 999: Support 999. Show them" });
    expect(screen.getAllByRole("button", { name: /: Support/ })).toHaveLength(25);
    const matrix = screen.getByRole("table", { name: /Confusion matrix/ });
    expect(within(matrix).getAllByRole("columnheader")).toHaveLength(10);
    await user.type(screen.getByRole("searchbox", { name: "Search classes" }), "class 123");
    expect(screen.getAllByRole("button", { name: /: Support/ })).toHaveLength(1);
    await user.type(screen.getByRole("searchbox", { name: "Search the confused classes" }), "class 345");
    expect(screen.getByRole("button", { name: /^class 345, predicted as class 346: 46/ })).toBeTruthy();
    await user.selectOptions(screen.getByRole("combobox", { name: /Classes/ }), "20");
    expect(within(matrix).getAllByRole("columnheader")).toHaveLength(20);
    expect(screen.getByText(/7 more cells/)).toBeTruthy();
  });

  it("is set beside another one", async () => {
    const other = {
      ...NUMBERS,
      key: "old",
      metrics: [
        { name: "mAP", value: 0.5 },
        { name: "fp", value: 3 },
      ],
      classes: [one("cat", { f1: 0.75 })],
    };
    prepare(
      {
        ...NUMBERS,
        other,
        differences: [{ name: "mAP", value: -0.376543211 }],
        classDifferences: [one("cat", { f1: -0.25 })],
      },
      ["old"],
    );
    await open("boxes");
    await user.selectOptions(await screen.findByRole("combobox", { name: "Compare with" }), "old");
    await waitFor(() => expect(asked("evaluation").at(-1)).toMatchObject({ key: "boxes", compare_with: "old" }));
    const table = await screen.findByRole("table", { name: "Metrics of both evaluations" });
    const cells = within(within(table).getByRole("row", { name: /^mAP/ })).getAllByRole("cell");
    expect(cells.map((cell) => cell.textContent?.trim())).toEqual(["0.1235", "0.5", "−0.3765"]);
    expect(cells[2]?.querySelector(".w-worse")).toBeTruthy();
    expect(
      screen.getByRole("img", { name: "Precision-recall: old and boxes" }).querySelectorAll("polyline"),
    ).toHaveLength(2);
    await user.click(screen.getByRole("button", { name: "Where it is worse" }));
    await waitFor(() => expect(asked("show_evaluated").at(-1)).toMatchObject({ what: "worse", compare_with: "old" }));
    await user.selectOptions(screen.getByRole("combobox", { name: "Of" }), "other");
    await user.click(
      (await screen.findAllByRole("button", { name: "cat, predicted as dog: 4. Show them" }))[0] as HTMLElement,
    );
    await waitFor(() => expect(asked("show_evaluated").at(-1)).toMatchObject({ what: "cell", key: "old" }));
  });

  it("moves between the cells by the arrow keys, past those that are empty", async () => {
    prepare();
    await open("boxes");
    const matrix = within(await screen.findByRole("table", { name: /Confusion matrix/ }));
    const label = () => document.activeElement?.getAttribute("aria-label");
    matrix.getByRole("button", { name: /^cat, predicted as such/ }).focus();
    await user.keyboard("{ArrowDown}");
    expect(label()).toMatch(/^cat predicted, where there is none/);
    await user.keyboard("{ArrowUp}{ArrowRight}{ArrowDown}{ArrowRight}");
    expect(label()).toMatch(/^dog, missed/);
    expect(matrix.getAllByRole("button").filter((button) => button.tabIndex === 0)).toHaveLength(1);
  });

  it("of a regression has neither classes nor a matrix", async () => {
    const curves = [
      {
        kind: "residuals",
        title: "Residuals",
        lines: [
          {
            name: "",
            points: [
              [0, 1],
              [5, -1],
            ],
          },
        ],
      },
    ];
    prepare({
      ...NUMBERS,
      type: "regression",
      metrics: [{ name: "r2_score", value: 0.5 }],
      classes: [],
      confusion: null,
      curves,
    });
    await open("boxes");
    expect((await screen.findByRole("img", { name: /^Residuals/ })).querySelectorAll("circle")).toHaveLength(2);
    expect(screen.queryByRole("table", { name: /Confusion/ })).toBeNull();
    expect(screen.getByText("R²")).toBeTruthy();
  });
});

describe("numbers", () => {
  it("are good or bad news", () => {
    expect([
      verdict("mAP", 0.1),
      verdict("fp", 3),
      verdict("mean_absolute_error", -1),
      verdict("support", 5),
      verdict("F1", 0),
    ]).toEqual([1, -1, 1, 0, 0]);
  });

  it("are written short", () => {
    expect([short(9999), short(123456), short(7654321)]).toEqual(["9999", "123k", "7.65M"]);
    expect([signed(0.25, number), signed(-3, number), signed(0, number)]).toEqual(["+0.25", "−3", "0"]);
    expect([title("mAP_50"), title("average_confidence"), title("fn"), title("mIoU"), title("F1")]).toEqual([
      "mAP 50",
      "Average confidence",
      "False negatives",
      "mIoU",
      "F1",
    ]);
  });
});
