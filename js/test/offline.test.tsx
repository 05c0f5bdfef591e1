// Offline runs, on the page of jobs.

import { screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { answer, asked, problem } from "./app";
import { open, user } from "./pages";

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
