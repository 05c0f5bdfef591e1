// What the tests of single pages share: a user, the way to a page, and typical answers.

import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import React from "react";
import { WandBPanel } from "../src/WandBPanel";
import { answer, artifact, run } from "./app";

export const user = userEvent.setup();

/** Opens the panel, one of its tabs, and there one link after the other. */
export async function open(...path: RegExp[]) {
  render(<WandBPanel />);
  const [tab, ...links] = path;
  if (tab) await user.click(await screen.findByRole("tab", { name: tab }));
  for (const link of links) await user.click(await screen.findByRole("button", { name: link }));
}

/** The answer to "run". */
export const DETAILS = {
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

/** The answer to "artifact": predictions in two versions. */
export const CONTENT = {
  artifact: artifact("digits_preds", "v1", { type: "predictions", model: "svm", field: "predictions" }),
  metadata: { model_name: "svm" },
  classes: { seven: 10, one: 5 },
  usedBy: [run("b"), run("a")],
  createdBy: run("a"),
};

/** Answers what the pages of artifacts and predictions ask. */
export function predictions() {
  answer("artifacts", { artifacts: [CONTENT.artifact], next: "", total: 1 });
  answer("versions", {
    artifacts: [CONTENT.artifact, artifact("digits_preds", "v0", { aliases: [] })],
    next: "",
    total: 2,
  });
  answer("artifact", CONTENT);
}
