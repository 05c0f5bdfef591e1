// The panel as a whole: its states, its tabs, and the way between its pages.

import { fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import React from "react";
import { describe, expect, it } from "vitest";
import { setAddress } from "../src/nav";
import { WandBPanel } from "../src/WandBPanel";
import { answer, artifact, asked, DATASET, events, job, PLACE, problem, run } from "./app";

const user = userEvent.setup();

async function tab(name: RegExp) {
  await user.click(await screen.findByRole("tab", { name }));
}

describe("states", () => {
  it.each(["no_key", "bad_key"])("helps to log in: %s", async (code) => {
    answer("place", problem(code, "No key was found."));
    render(<WandBPanel />);
    expect(await screen.findByText("No key was found.")).toBeTruthy();
    expect(screen.getByText("wandb login")).toBeTruthy();

    await user.click(screen.getByRole("button", { name: "Log in" }));
    expect(events.at(-1)).toMatchObject({ operator: "@harpreetsahota/wandb/login_to_wandb", prompt: true });

    answer("place", PLACE);
    events.at(-1)?.callback?.({ result: {} });
    expect(await screen.findByRole("combobox", { name: "Project" })).toBeTruthy();
    expect(asked("place").at(-1)?.["fresh"]).toBe(true);
  });

  it("says that W&B does not answer, and still shows jobs", async () => {
    answer("place", problem("unreachable", "Nothing answers at wandb.test."));
    answer("jobs", { jobs: [job("1")] });
    render(<WandBPanel />);
    expect(await screen.findByRole("heading", { name: "W&B does not answer" })).toBeTruthy();
    await tab(/Jobs/);
    expect(await screen.findByText("Save view as artifact")).toBeTruthy();
  });

  it("shows that it waits, and asks again", async () => {
    let times = 0;
    answer("place", () => (++times < 3 ? { state: "pending", text: "Building the worker" } : PLACE));
    render(<WandBPanel />);
    expect(await screen.findByText(/Building the worker/)).toBeTruthy();
    expect(await screen.findByRole("combobox", { name: "Project" }, { timeout: 4000 })).toBeTruthy();
    expect(asked("place")).toHaveLength(3);
  });

  it("knows no projects", async () => {
    answer("place", { ...PLACE, projects: [], project: "" });
    render(<WandBPanel />);
    expect(await screen.findByText(/has no projects yet/)).toBeTruthy();
    await user.type(screen.getByRole("textbox", { name: "Name of the project" }), "new");
    await user.click(screen.getByRole("button", { name: "Log this view" }));
    expect(events).toContainEqual(expect.objectContaining({ prompt: true, params: { entity: "me", project: "new" } }));
  });

  it("offers others where the project is not there", async () => {
    answer("place", { ...PLACE, project: "gone" });
    answer("runs", problem("unknown_project", "W&B has no project gone."));
    render(<WandBPanel />);
    expect(await screen.findByText(/There is no project “gone” yet/)).toBeTruthy();
    await user.click(screen.getByRole("button", { name: "first" }));
    await waitFor(() => expect(asked("runs").at(-1)).toMatchObject({ project: "first" }));
  });

  it("says that a project is not there which is not in a long list", async () => {
    answer("place", { ...PLACE, project: "gone", more: true });
    answer("runs", problem("unknown_project", "W&B has no project gone."));
    render(<WandBPanel />);
    expect(await screen.findByText(/There is no project “gone” yet/)).toBeTruthy();
  });

  it("looks into a project that is not among the newest", async () => {
    answer("place", { ...PLACE, project: "old", more: true });
    answer("runs", { runs: [run("a")], next: "", total: 1 });
    render(<WandBPanel />);
    expect(await screen.findByText("run a")).toBeTruthy();
    expect(asked("runs").at(-1)).toMatchObject({ project: "old" });
  });

  it("leads back from an entity that is remembered and gone", async () => {
    window.localStorage.setItem("@harpreetsahota/wandb:entity", "old-team");
    window.localStorage.setItem("@harpreetsahota/wandb:project", "theirs");
    answer("place", (params) => (params["entity"] ? problem("unknown_entity", "There is no old-team.") : PLACE));
    render(<WandBPanel />);
    expect(await screen.findByText("There is no old-team.")).toBeTruthy();
    await user.click(screen.getByRole("button", { name: "Show your own projects" }));
    await waitFor(() => expect(asked("runs").at(-1)).toMatchObject({ entity: "me", project: "second" }));
  });

  it("says what to do with an empty project", async () => {
    render(<WandBPanel />);
    expect(await screen.findByText(/This project has no runs yet/)).toBeTruthy();
    await tab(/Artifacts/);
    expect(await screen.findByText(/no artifacts of this plugin yet/)).toBeTruthy();
    await tab(/Reports/);
    expect(await screen.findByText(/This project has no reports/)).toBeTruthy();
  });

  it("survives an operator that fails", async () => {
    answer("runs", { error: "Traceback", errorMessage: "mongod is gone" });
    render(<WandBPanel />);
    expect(await screen.findByText("mongod is gone")).toBeTruthy();
  });
});

describe("tabs", () => {
  it("go by the arrow keys, and are remembered with the project", async () => {
    const first = render(<WandBPanel />);
    await user.selectOptions(await screen.findByRole("combobox", { name: "Project" }), "first");
    screen.getByRole("tab", { name: "Runs" }).focus();
    await user.keyboard("{ArrowRight}");
    expect(screen.getByRole("tab", { name: "Artifacts" }).getAttribute("aria-selected")).toBe("true");
    expect(document.activeElement?.textContent).toBe("Artifacts");
    await user.keyboard("{ArrowLeft}{ArrowLeft}");
    expect(screen.getByRole("tab", { name: "Reports" }).getAttribute("aria-selected")).toBe("true");
    first.unmount();

    render(<WandBPanel />);
    expect(screen.getByRole("tab", { name: "Reports" }).getAttribute("aria-selected")).toBe("true");
    await waitFor(() => expect(asked("reports").at(-1)).toMatchObject({ project: "first" }));
  });

  it("show the list of another project, not what was open in the one before", async () => {
    answer("runs", { runs: [run("a")], next: "", total: 1 });
    answer("run", problem("not_found", "There is no run a."));
    render(<WandBPanel />);
    await user.click(await screen.findByRole("button", { name: "run a" }));
    await screen.findByText("There is no run a.");
    await user.selectOptions(screen.getByRole("combobox", { name: "Project" }), "first");
    expect(await screen.findByRole("button", { name: "run a" })).toBeTruthy();
    expect(asked("runs").at(-1)).toMatchObject({ project: "first" });
    expect(asked("run")).toHaveLength(1);
  });

  it("names the page for screen readers", async () => {
    render(<WandBPanel />);
    await tab(/Jobs/);
    expect(screen.getByRole("tabpanel", { name: /Jobs/ })).toBeTruthy();
  });

  it("are fetched once, and again by the button", async () => {
    answer("runs", { runs: [run("a")], next: "", total: 1 });
    render(<WandBPanel />);
    await screen.findByText("run a");
    await tab(/Jobs/);
    await tab(/Runs/);
    expect(await screen.findByText("run a")).toBeTruthy();
    expect(asked("runs")).toHaveLength(1);
    await user.click(screen.getByRole("button", { name: "Refresh" }));
    await waitFor(() => expect(asked("runs")).toHaveLength(2));
    expect(asked("runs")[1]?.["fresh"]).toBe(true);
  });

  it("keep what they show when W&B refuses, which is said once", async () => {
    answer("runs", { runs: [run("a")], next: "", total: 1 });
    render(<WandBPanel />);
    await screen.findByText("run a");
    answer("place", problem("no_permission", "You may not list projects."));
    answer("runs", problem("no_permission", "You may not list runs."));
    await user.click(screen.getByRole("button", { name: "Refresh" }));
    expect(await screen.findByText("You may not list projects.")).toBeTruthy();
    await waitFor(() => expect(screen.queryByText("Refreshing …")).toBeNull());
    expect(screen.getAllByRole("alert")).toHaveLength(1);
    expect(screen.getByText("run a")).toBeTruthy();

    answer("place", PLACE);
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByText("You may not list runs.")).toBeTruthy();
  });
});

describe("what an operator has selected", () => {
  const SELECTION = { kind: "run", url: "http://wandb.test/r", title: "r", entity: "me", project: "first", id: "r" };

  it("is opened once", async () => {
    answer("dataset", { ...DATASET, selection: { ...SELECTION, selected: 100 } });
    answer("run", problem("not_found", "There is no run r."));
    const first = render(<WandBPanel />);
    await waitFor(() => expect(asked("run").at(-1)).toMatchObject({ project: "first", run: "r" }));
    await user.click(await screen.findByRole("button", { name: /Runs/ }));
    expect(await screen.findByText(/no runs yet/)).toBeTruthy();
    first.unmount();
    render(<WandBPanel />);
    expect(await screen.findByText(/no runs yet/)).toBeTruthy();
  });

  it("is gone to while the panel is open", async () => {
    render(<WandBPanel />);
    await screen.findByText(/no runs yet/);
    answer("dataset", { ...DATASET, selection: { ...SELECTION, kind: "report", id: "R1", selected: 200 } });
    answer("reports", {
      reports: [
        { id: "R1", title: "Findings", description: "", updated: "2026-01-01", user: "me", url: "http://wandb.test/r" },
      ],
    });
    setAddress("http://wandb.test/r");
    const entry = await screen.findByText("Findings");
    expect(entry.closest("li")?.getAttribute("aria-current")).toBe("true");
    await user.click(screen.getByRole("button", { name: /Open the report Findings/ }));
    expect(window.open).toHaveBeenCalledWith("http://wandb.test/r", "_blank", "noopener,noreferrer");
  });

  it("is not shown as a report if it is a run", async () => {
    render(<WandBPanel />);
    await screen.findByText(/no runs yet/);
    answer("dataset", { ...DATASET, selection: { ...SELECTION, selected: 300 } });
    answer("run", problem("not_found", "There is no run r."));
    setAddress("http://wandb.test/r");
    expect(await screen.findByText("There is no run r.")).toBeTruthy();
    await tab(/Reports/);
    expect(await screen.findByText(/This project has no reports/)).toBeTruthy();
    expect(screen.queryByText("http://wandb.test/r")).toBeNull();
  });

  it("can be a mere address, which is never framed", async () => {
    render(<WandBPanel />);
    await screen.findByText(/no runs yet/);
    setAddress("http://elsewhere.test/page");
    expect(await screen.findByText("http://elsewhere.test/page")).toBeTruthy();
    expect(document.querySelector("iframe")).toBeNull();
    setAddress("");
  });
});

describe("jobs", () => {
  it("show their progress, can be cancelled, and refresh the pages when they end", async () => {
    const running = { state: "running", fraction: 0.4, label: "Reading samples: 4 of 10", finished: null };
    answer("jobs", { jobs: [job("1", running)] });
    answer("cancel", {});
    render(<WandBPanel />);
    await user.click(await screen.findByRole("tab", { name: "Jobs (1)" }));
    expect((await screen.findByRole("progressbar")).getAttribute("aria-valuenow")).toBe("40");
    expect(screen.getByText("Reading samples: 4 of 10")).toBeTruthy();
    await user.click(screen.getByRole("button", { name: "Cancel" }));
    expect(asked("cancel")).toEqual([{ job: "1" }]);
    const before = asked("place").length;
    answer("jobs", { jobs: [job("1", { state: "cancelled", error: "The job was cancelled on request." })] });
    expect(await screen.findByText("The job was cancelled on request.", {}, { timeout: 4000 })).toBeTruthy();
    await waitFor(() => expect(asked("place").length).toBeGreaterThan(before));
  });

  it("can be run again, removed, and lead to what they made", async () => {
    answer("jobs", { jobs: [job("1")] });
    answer("remove_job", {});
    answer("artifact", {
      artifact: artifact("digits_train", "v0"),
      metadata: {},
      classes: {},
      usedBy: [],
      createdBy: null,
    });
    render(<WandBPanel />);
    await tab(/Jobs/);
    await user.click(await screen.findByRole("button", { name: "Run again" }));
    expect(events.at(-1)).toMatchObject({
      operator: "@harpreetsahota/wandb/log_fiftyone_view_to_wandb",
      prompt: true,
      params: { project: "second" },
    });
    await user.click(screen.getByRole("button", { name: /Remove/ }));
    expect(asked("remove_job")).toEqual([{ job: "1" }]);
    await user.click(screen.getByRole("button", { name: "digits_train:v0" }));
    expect(await screen.findByRole("heading", { name: "digits_train" })).toBeTruthy();
  });

  it("that several workers share say how far they are, and are resumed when all workers are gone", async () => {
    const worker = (slot: number, alive: boolean, note = "") => ({ slot, host: `node${slot}`, alive, note });
    const shared = {
      shards: 8,
      read: 5,
      uploaded: 2,
      waiting: 1,
      resumable: false,
      workers: [worker(0, true), worker(1, false, "no media here")],
    };
    answer("jobs", { jobs: [job("1", { state: "running", finished: null, shared })] });
    const { unmount } = render(<WandBPanel />);
    await tab(/Jobs/);
    const counts = "1 worker on node0 · 1 worker waiting for a background service · 5 of 8 parts read, 2 uploaded";
    expect(await screen.findByText(counts)).toBeTruthy();
    expect(screen.getByText("Worker 1 on node1: no media here")).toBeTruthy();
    expect(screen.queryByRole("button", { name: "Resume" })).toBeNull();
    unmount();

    const gone = { ...shared, waiting: 0, resumable: true, workers: [worker(0, false)] };
    answer("jobs", { jobs: [job("1", { state: "failed", error: "All workers of this job are gone", shared: gone })] });
    render(<WandBPanel />);
    await tab(/Jobs/);
    await user.click(await screen.findByRole("button", { name: "Resume" }));
    expect(events.at(-1)).toMatchObject({
      operator: "@harpreetsahota/wandb/resume_wandb_job",
      prompt: true,
      params: { job_id: "1" },
    });
  });

  it("that only said what they would do say so", async () => {
    answer("jobs", { jobs: [job("1", { dryRun: true, artifact: null, url: null })] });
    render(<WandBPanel />);
    await tab(/Jobs/);
    expect(await screen.findByText("dry run: nothing was logged")).toBeTruthy();
  });

  it("lead to what they made in another project", async () => {
    answer("jobs", { jobs: [job("1", { project: "first" })] });
    const made = artifact("digits_train", "v0", { project: "first" });
    answer("artifact", {
      artifact: made,
      metadata: {},
      classes: {},
      usedBy: [run("a", { project: "first" })],
      createdBy: null,
    });
    answer("load", problem("stop", "That is enough."));
    answer("run", problem("not_found", "There is no run."));
    render(<WandBPanel />);
    await tab(/Jobs/);
    await user.click(await screen.findByRole("button", { name: "digits_train:v0" }));
    await user.click(await screen.findByRole("button", { name: "Load view" }));
    expect(asked("artifact").at(-1)).toMatchObject({ artifact: "me/first/digits_train:v0" });
    expect(asked("load")).toMatchObject([{ project: "first", artifact: "digits_train:v0" }]);
    await user.click(screen.getByRole("button", { name: "run a" }));
    await waitFor(() => expect(asked("run").at(-1)).toMatchObject({ run: "me/first/a" }));
  });
});

it("loads nothing from other hosts", async () => {
  answer("runs", { runs: [run("a")], next: "", total: 1 });
  const { container } = render(<WandBPanel />);
  await screen.findByText("run a");
  for (const element of container.querySelectorAll("[src],[href]")) expect(element.outerHTML).toBe("");
  expect(container.querySelector("style")?.textContent).not.toMatch(/url\(|@import/);
  fireEvent.click(within(container).getByRole("button", { name: "Open the run run a in W&B" }));
  expect(window.open).toHaveBeenCalledWith("http://wandb.test/runs/a", "_blank", "noopener,noreferrer");
});

describe("a project that is typed", () => {
  async function type(project: string, entity?: string) {
    answer("place", (params) =>
      params["entity"] === "strangers"
        ? problem("no_permission", "You may not see strangers.")
        : { ...PLACE, entity: params["entity"] || "me" },
    );
    answer("runs", (params) =>
      params["project"] === "nowhere"
        ? problem("unknown_project", "There is no project nowhere.")
        : { runs: [run("a")], next: "", total: 1 },
    );
    render(<WandBPanel />);
    await user.click(await screen.findByRole("button", { name: "Type another project" }));
    const form = screen.getByRole("form", { name: "Open another project" });
    if (entity !== undefined) {
      await user.clear(within(form).getByRole("textbox", { name: "Entity" }));
      await user.type(within(form).getByRole("textbox", { name: "Entity" }), entity);
    }
    if (project) await user.type(within(form).getByRole("textbox", { name: "Project" }), project);
    await user.click(within(form).getByRole("button", { name: "Open" }));
    return form;
  }

  it.each(["theirs/other", "http://wandb.test/theirs/other/runs/x?workspace=1"])(
    "is opened and remembered: %s",
    async (typed) => {
      await type(typed);
      await waitFor(() => expect(asked("runs").at(-1)).toMatchObject({ entity: "theirs", project: "other" }));
      await waitFor(() => expect(screen.queryByRole("form", { name: "Open another project" })).toBeNull());
      expect(screen.getByRole<HTMLSelectElement>("combobox", { name: "Project" }).value).toBe("other");
      expect(window.localStorage.getItem("@harpreetsahota/wandb:project")).toBe("other");
      expect(window.localStorage.getItem("@harpreetsahota/wandb:entity")).toBe("theirs");
      expect(screen.queryByText(/There is no project/)).toBeNull();
    },
  );

  it.each([
    ["nowhere", undefined, "There is no project nowhere."],
    ["other", "strangers", "You may not see strangers."],
    ["", undefined, /Type the name of a project/],
  ])("is refused with the reason, and nothing changes: %s", async (project, entity, reason) => {
    const form = await type(project, entity);
    const alert = await within(form).findByRole("alert");
    expect(alert.textContent).toMatch(reason);
    expect(screen.getByRole<HTMLSelectElement>("combobox", { name: "Project" }).value).toBe("second");
  });
});
