// The first rows of a table, on the pages of artifacts and runs.

import { screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { answer, artifact, asked, NO_TABLE, run } from "./app";
import { DETAILS, open, predictions, user } from "./pages";

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
