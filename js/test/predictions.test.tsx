// The page of predictions.

import { screen } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { answer, asked } from "./app";
import { open, predictions, user } from "./pages";

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
