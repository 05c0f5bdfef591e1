// The page of an artifact: what it shows, and what its buttons ask for.

import { screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { answer, artifact, asked, DATASET, problem } from "./app";
import { CONTENT, open, predictions, user } from "./pages";

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
    expect(await screen.findByText(/This artifact was logged from the dataset “digits”/)).toBeTruthy();
  });

  it("of this dataset under another name says so", async () => {
    answer("dataset", { ...DATASET, dataset: "numerals", datasetId: "d2" });
    predictions();
    await open(/Artifacts/, /^digits_preds:v1$/);
    expect(await screen.findByText(/was renamed: it was called “digits”/)).toBeTruthy();
    expect(screen.queryByText(/This artifact was logged from/)).toBeNull();
  });

  it("cannot be loaded without a dataset", async () => {
    answer("dataset", { ...DATASET, dataset: null });
    predictions();
    await open(/Artifacts/, /^digits_preds:v1$/);
    expect(((await screen.findByRole("button", { name: "Load view" })) as HTMLButtonElement).disabled).toBe(true);
  });
});
