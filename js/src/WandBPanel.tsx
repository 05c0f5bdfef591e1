// The panel: who we are, which project, and the tabs.

import React, { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { AppProvider, problemOf, Said, useApp, useData, useRemembered, type Problem } from "./app";
import { clearAddress, getAddress, isTab, takeAddress, SELECTED, TABS, type Route, type Tab, type Where } from "./nav";
import { Loading, ProblemNotice, Refreshing, Tabs } from "./parts";
import { ArtifactPage } from "./pages/ArtifactPage";
import { Artifacts } from "./pages/Artifacts";
import { Evaluations } from "./pages/Evaluations";
import { isGoing, Jobs } from "./pages/Jobs";
import { Predictions } from "./pages/Predictions";
import { Reports } from "./pages/Reports";
import { RunPage } from "./pages/RunPage";
import { Runs } from "./pages/Runs";
import { isLoggedOut, NoProject, WayIn } from "./emptyPages";
import { OtherProject } from "./OtherProject";
import STYLES from "./panel.css?inline";
import type { DatasetFacts, Job, Place, Selection } from "./types";

/** How often jobs are looked at: while one runs and is watched, while one runs, and otherwise. In milliseconds. */
const WATCHED = 1000;
const RUNNING = 2000;
const QUIET = 10000;

export function WandBPanel() {
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // The App takes the Enter key for itself, wherever it is pressed: here it presses buttons and sends forms off.
    const keep = (event: KeyboardEvent) => {
      if (event.key === "Enter") event.stopPropagation();
    };
    const element = root.current;
    element?.addEventListener("keydown", keep);
    return () => element?.removeEventListener("keydown", keep);
  }, []);
  return (
    <AppProvider>
      <div className="wandb-panel" ref={root}>
        <style>{STYLES}</style>
        <Shell />
      </div>
    </AppProvider>
  );
}

function Shell() {
  const { refresh } = useApp();
  const [entity, setEntity] = useRemembered("entity", "");
  const place = useData<Place>("place", { entity });
  const [project, setProject] = useRemembered("project", "");
  const dataset = useDataset();
  const [tab, setTab] = useRemembered("tab", "runs");
  const [open, setOpen] = useState<string>();
  const route: Route = { tab: isTab(tab) ? tab : "runs", ...(open === undefined ? {} : { open }) };
  const go = useCallback(
    (next: Route) => {
      setTab(next.tab);
      setOpen(next.open);
    },
    [setTab],
  );
  const [jobs, jobsProblem, reloadJobs] = useJobs(route.tab === "jobs", refresh, dataset.reload);

  const show = useCallback(
    (selection: Selection | null) => {
      if (!selection) return go({ tab: "reports" });
      if (selection.kind !== "report") clearAddress();
      if (selection.entity) setEntity(selection.entity);
      if (selection.project) setProject(selection.project);
      const opened = selection.kind === "project" ? {} : { open: selection.id };
      return go({ tab: selection.kind === "report" ? "reports" : "runs", ...opened });
    },
    [go, setEntity, setProject],
  );
  useSelection(dataset.facts, show);

  const chosen = project || place.data?.project || place.data?.projects[0]?.name || "";
  const chosenEntity = place.data?.entity ?? "";
  const where = useMemo<Where>(() => ({ entity: chosenEntity, project: chosen }), [chosenEntity, chosen]);

  // Whether a project that is not in the list is there at all is known from asking for it: lists are short, and may be old.
  const isListed = place.data?.projects.some((one) => one.name === chosen) ?? true;
  const asked = !isListed && chosen ? { ...where, search: "", after: "", metrics: [] } : null;
  const { problem } = useData<unknown>("runs", asked);
  const isThere = isListed || (asked !== null && problem?.code !== "unknown_project");

  const chooseEntity = (next: string) => {
    setEntity(next);
    setProject("");
    go({ tab: route.tab });
  };

  const chooseProject = (next: string) => {
    setProject(next);
    go({ tab: route.tab }); // what is open is of the project before
  };

  const [typing, setTyping] = useState(false);
  const openOther = (found: Where) => {
    setTyping(false);
    setEntity(found.entity);
    setProject(found.project);
    go({ tab: route.tab });
  };

  const said = place.data && !isLoggedOut(place.problem) ? place.problem : null;
  const page = usePlaceOnPage(`${route.tab} ${route.open ?? ""}`);

  const body = () => {
    if (route.tab === "jobs") {
      return (
        <Jobs where={where} jobs={jobs} problem={<ProblemNotice problem={jobsProblem} />} reload={reloadJobs} go={go} />
      );
    }
    if (!place.data || isLoggedOut(place.problem)) {
      if (place.problem) {
        return (
          <WayIn
            problem={place.problem}
            address={route.tab === "reports" ? getAddress() : ""}
            again={refresh}
            remembered={entity}
            leave={() => chooseEntity("")}
          />
        );
      }
      return <Loading text={place.pending ?? "Asking W&B"} />;
    }
    if (!isThere) {
      return <NoProject place={place.data} project={chosen} choose={chooseProject} />;
    }
    const key = `${where.entity}/${where.project}`;
    return (
      <Page
        key={key}
        where={where}
        route={route}
        dataset={dataset.facts}
        go={go}
        changed={() => {
          dataset.reload();
          refresh();
        }}
      />
    );
  };

  return (
    <>
      <header className="w-head">
        <div className="w-bar">
          {place.data && (
            <Chooser place={place.data} project={chosen} setProject={chooseProject} setEntity={chooseEntity} />
          )}
          {place.data && (
            <button
              type="button"
              aria-label="Type another project"
              title="Type the entity and the project, or paste an address"
              aria-expanded={typing}
              onClick={() => setTyping(!typing)}
            >
              …
            </button>
          )}
          <button
            type="button"
            className="w-right"
            aria-label="Refresh"
            title="Refresh everything"
            onClick={() => {
              refresh();
              dataset.reload();
              reloadJobs();
            }}
          >
            ↻
          </button>
        </div>
        {place.data && place.pending && <Refreshing />}
        {typing && <OtherProject where={where} open={openOther} close={() => setTyping(false)} />}
        <Tabs
          name="Pages"
          tabs={TABS.map(([id, label]) => [id, labelled(id, label, jobs)] as const)}
          chosen={route.tab}
          choose={(next) => go({ tab: next })}
        />
      </header>
      <main
        className="w-page"
        ref={page}
        tabIndex={-1}
        id="w-tabpanel"
        role="tabpanel"
        aria-labelledby={`w-tab-${route.tab}`}
      >
        {said && <ProblemNotice problem={said} again={refresh} />}
        <Said.Provider value={said?.code ?? null}>{body()}</Said.Provider>
      </main>
    </>
  );
}

/** Keeps how far down each page was scrolled, and gives the keyboard's focus a place when a page goes. */
function usePlaceOnPage(name: string): React.RefObject<HTMLElement> {
  const { memory } = useApp();
  const page = useRef<HTMLElement>(null);
  const shown = useRef(name);
  useLayoutEffect(() => {
    const scrolled = page.current?.parentElement;
    if (!scrolled) return;
    if (shown.current !== name) {
      shown.current = name;
      scrolled.scrollTop = Number(memory.get(`scroll:${name}`) ?? 0);
      if (document.activeElement === document.body) page.current?.focus({ preventScroll: true });
    }
    const note = () => memory.set(`scroll:${name}`, scrolled.scrollTop);
    scrolled.addEventListener("scroll", note);
    return () => scrolled.removeEventListener("scroll", note);
  }, [memory, name]);
  return page;
}

function labelled(tab: Tab, label: string, jobs: Job[] | null): string {
  const going = tab === "jobs" ? (jobs ?? []).filter(isGoing).length : 0;
  return going ? `${label} (${going})` : label;
}

function Page(props: {
  where: Where;
  route: Route;
  dataset: DatasetFacts | null;
  go: (route: Route) => void;
  changed: () => void;
}) {
  const { where, route, dataset, go } = props;
  switch (route.tab) {
    case "runs":
      return route.open ? (
        <RunPage key={route.open} where={where} run={route.open} dataset={dataset} go={go} changed={props.changed} />
      ) : (
        <Runs where={where} dataset={dataset} go={go} />
      );
    case "artifacts":
      return route.open ? (
        <ArtifactPage where={where} artifact={route.open} dataset={dataset} go={go} />
      ) : (
        <Artifacts where={where} dataset={dataset} go={go} />
      );
    case "predictions":
      return <Predictions where={where} open={route.open} dataset={dataset} go={go} />;
    case "evaluations":
      return <Evaluations where={where} open={route.open} dataset={dataset} go={go} />;
    default:
      return <Reports where={where} chosen={route.open} address={getAddress()} />;
  }
}

function Chooser(props: {
  place: Place;
  project: string;
  setProject: (name: string) => void;
  setEntity: (name: string) => void;
}) {
  const { place } = props;
  const entities = place.entities.includes(place.entity) ? place.entities : [place.entity, ...place.entities];
  const projects = place.projects.map((project) => project.name);
  return (
    <>
      {entities.length > 1 && (
        <select aria-label="Entity" value={place.entity} onChange={(event) => props.setEntity(event.target.value)}>
          {entities.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      )}
      <select
        className="w-grow"
        aria-label="Project"
        value={props.project}
        onChange={(event) => props.setProject(event.target.value)}
      >
        {projects.includes(props.project) || <option value={props.project}>{props.project || "no project"}</option>}
        {projects.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </>
  );
}

/** What FiftyOne knows of the dataset; read again when an operator has selected something. */
function useDataset(): { facts: DatasetFacts | null; reload: () => void } {
  const { calls } = useApp();
  const [facts, setFacts] = useState<DatasetFacts | null>(null);
  const reload = useCallback(() => {
    calls.ask<DatasetFacts>("dataset", {}).then(setFacts, () => undefined);
  }, [calls]);
  useEffect(() => {
    reload();
    window.addEventListener(SELECTED, reload);
    return () => window.removeEventListener(SELECTED, reload);
  }, [reload]);
  return { facts, reload };
}

/** Goes where an operator has pointed to, once. */
function useSelection(facts: DatasetFacts | null, show: (selection: Selection | null) => void): void {
  const [seen, setSeen] = useRemembered("seen", "0");
  const selection = facts?.selection ?? null;
  useEffect(() => {
    if (!facts) return;
    if (selection && selection.selected > Number(seen)) {
      takeAddress();
      setSeen(String(selection.selected));
      show(selection);
    } else if (takeAddress()) {
      // Of a script that uses the operator `embed_report` by itself.
      show(null);
    }
  }, [facts, selection, seen, setSeen, show]);
}

/** The jobs; when one of them ends, everything is refreshed. */
function useJobs(watched: boolean, ...ended: (() => void)[]): [Job[] | null, Problem | null, () => void] {
  const { calls } = useApp();
  const [jobs, setJobs] = useState<Job[] | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [asked, setAsked] = useState(0);
  const state = useRef({ going: new Set<string>(), ended });
  useEffect(() => {
    state.current.ended = ended;
  });

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let alive = true;
    const look = async () => {
      let wait = QUIET;
      try {
        const found = await calls.ask<{ jobs: Job[] }>("jobs", {});
        if (!alive) return;
        const going = new Set(found.jobs.filter(isGoing).map((job) => job.id));
        const before = state.current.going;
        state.current.going = going;
        setJobs(found.jobs);
        setProblem(null);
        if ([...before].some((id) => !going.has(id))) state.current.ended.forEach((tell) => tell());
        if (going.size > 0) wait = watched ? WATCHED : RUNNING;
      } catch (error) {
        if (alive) setProblem(problemOf(error));
      }
      if (alive) timer = setTimeout(look, wait);
    };
    void look();
    return () => {
      alive = false;
      clearTimeout(timer);
    };
  }, [calls, watched, asked]);

  const reload = useCallback(() => setAsked((count) => count + 1), []);
  return [jobs, problem, reload];
}
