// The way from components to the App and back: panel events, operators, and what came of them.

import { usePanelEvent, type OperatorResult } from "@fiftyone/operators";
import { usePanelId } from "@fiftyone/spaces";
import React, { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState } from "react";
import { webAddress } from "./format";

export const PLUGIN = "@harpreetsahota/wandb";

/** How long to wait before asking again for an answer that was not there yet, in milliseconds. */
const AGAIN = 600;

export type Params = Record<string, unknown>;

export interface Problem {
  text: string;
  code: string;
}

type Reply =
  | ({ state: "ready" } & Record<string, unknown>)
  | { state: "pending"; text: string }
  | ({ state: "problem" } & Problem);

export interface Calls {
  /** Asks the panel's Python side until the answer is there. Fails with a {@link CallError}. */
  ask<T>(event: string, params: Params, options?: AskOptions): Promise<T>;
  /** Runs another operator. */
  run(operator: string, params: Params): Promise<unknown>;
  /** Opens the form of another operator, filled in; `done` is called when it has been executed. */
  prompt(operator: string, params: Params, done?: () => void): void;
}

interface AskOptions {
  /** Told what is going on while the answer is not there. */
  onPending?: (text: string) => void;
  signal?: AbortSignal;
}

class CallError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.text);
  }
}

export function problemOf(error: unknown): Problem {
  if (error instanceof CallError) return error.problem;
  return { code: "internal", text: error instanceof Error ? error.message : String(error) };
}

/** The calls of this panel. They stay the same as long as the panel lives. */
function useCalls(): Calls {
  const event = usePanelEvent();
  const panelId = usePanelId();
  const current = useRef({ event, panelId });
  useEffect(() => {
    current.current = { event, panelId };
  });

  return useMemo(() => {
    const once = (operator: string, params: Params) =>
      new Promise<unknown>((resolve, reject) => {
        const { event, panelId } = current.current;
        event(panelId, {
          operator,
          params,
          callback: (result) => {
            if (!result?.error) {
              resolve(result?.result);
              return undefined;
            }
            reject(new CallError({ code: "operator", text: lastLine(result.errorMessage ?? result.error) }));
            return false;
          },
        });
      });

    const ask = async <T,>(name: string, params: Params, options: AskOptions = {}): Promise<T> => {
      let asked = params;
      for (;;) {
        const reply = (await once(`${PLUGIN}/WandBPanel#ask_${name}`, asked)) as Reply | undefined;
        if (options.signal?.aborted) throw new DOMException("Nobody waits any more", "AbortError");
        if (reply?.state === "ready") return reply as T;
        if (reply?.state === "problem") throw new CallError(reply);
        if (!reply) throw new CallError({ code: "internal", text: "The App's server gave no answer" });
        options.onPending?.(reply.text);
        // What is fresh is being fetched now.
        asked = { ...asked, fresh: false };
        await new Promise((resolve) => setTimeout(resolve, AGAIN));
        if (options.signal?.aborted) throw new DOMException("Nobody waits any more", "AbortError");
      }
    };

    return {
      ask,
      // An error is shown here: the operator is to open no dialog.
      run: (operator, params) => once(`${PLUGIN}/${operator}`, { ...params, in_panel: true }),
      prompt: (operator, params, done) => {
        const { event, panelId } = current.current;
        const callback = (result: OperatorResult): false => {
          if (!failed(result)) done?.();
          return false;
        };
        event(panelId, { operator: `${PLUGIN}/${operator}`, params, prompt: true, callback });
      },
    };
  }, []);
}

/** Whether an operator failed: it may have told so in a dialog, and in its result. */
function failed(result: OperatorResult): boolean {
  return !!result?.error || (result?.result as { success?: unknown } | null | undefined)?.success === false;
}

function lastLine(error: unknown): string {
  const lines = String(error instanceof Error ? error.message : error)
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  // The name of an exception's class says nothing to people.
  return lines.at(-1)?.replace(/^[\w.]*(?:Error|Exception): /, "") ?? "It failed without a reason";
}

interface Shared {
  calls: Calls;
  /** Grows when everything has to be fetched again. */
  generation: number;
  refresh: () => void;
  cache: Map<string, { value: unknown; generation: number }>;
  /** What is remembered as long as the panel is open. */
  memory: Map<string, unknown>;
}

const SharedContext = createContext<Shared | null>(null);

/** The code of the problem that the panel shows above its pages, or null. */
export const Said = createContext<string | null>(null);

/** How many answers are kept, so that a page that was open before shows at once. */
const MOST_KEPT = 100;

/** How many of them may be tables, which have pictures in them. A page shows fewer at a time. */
const MOST_TABLES = 30;

export function AppProvider(props: { children: React.ReactNode }) {
  const calls = useCalls();
  const [generation, setGeneration] = useState(0);
  const [cache] = useState(() => new Map<string, { value: unknown; generation: number }>());
  const [memory] = useState(() => new Map<string, unknown>());
  const refresh = useCallback(() => setGeneration((g) => g + 1), []);
  const shared = useMemo(
    () => ({ calls, generation, refresh, cache, memory }),
    [calls, generation, refresh, cache, memory],
  );
  return <SharedContext.Provider value={shared}>{props.children}</SharedContext.Provider>;
}

export function useApp(): Shared {
  const shared = useContext(SharedContext);
  if (!shared) throw new Error("There is no AppProvider around this component");
  return shared;
}

export interface Loaded<T> {
  data: T | null;
  problem: Problem | null;
  /** What is going on while there is no answer, or while a newer one is fetched. */
  pending: string | null;
}

/** An answer, kept between pages and fetched again on refresh. Without params, nothing is asked. */
export function useData<T>(event: string, params: Params | null): Loaded<T> {
  const { calls, generation, cache } = useApp();
  const key = params && JSON.stringify([event, params]);
  const question = `${generation} ${key}`;
  const [ended, setEnded] = useState<{ question: string; problem: Problem | null } | null>(null);
  const [pending, setPending] = useState<{ question: string; text: string } | null>(null);

  useEffect(() => {
    if (key === null || cache.get(key)?.generation === generation) return;
    const [name, asked] = JSON.parse(key) as [string, Params];
    const question = `${generation} ${key}`;
    const abort = new AbortController();
    const onPending = (text: string) => setPending({ question, text });
    calls
      .ask<T>(name, { ...asked, fresh: generation > 0 }, { signal: abort.signal, onPending })
      .then((value) => {
        cache.delete(key);
        cache.set(key, { value, generation });
        for (const oldest of cache.keys()) if (cache.size > MOST_KEPT) cache.delete(oldest);
        const tables = [...cache.keys()].filter((one) => one.startsWith('["table"'));
        for (const oldest of tables.slice(0, -MOST_TABLES)) cache.delete(oldest);
        setEnded({ question, problem: null });
      })
      .catch((error: unknown) => {
        if (!abort.signal.aborted) setEnded({ question, problem: problemOf(error) });
      });
    return () => abort.abort();
  }, [key, generation, calls, cache]);

  if (key === null) return { data: null, problem: null, pending: null };
  const kept = cache.get(key);
  const data = (kept?.value ?? null) as T | null;
  if (kept?.generation === generation) return { data, problem: null, pending: null };
  if (ended?.question === question) return { data, problem: ended.problem, pending: null };
  return { data, problem: null, pending: pending?.question === question ? pending.text : "Asking W&B" };
}

/** Something that a button does: whether it is under way, and what went wrong. */
export function useAction(): {
  busy: string | null;
  problem: Problem | null;
  start: (what: string, action: (say: (text: string) => void) => Promise<void>) => void;
} {
  const [busy, setBusy] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const alive = useRef(true);
  useEffect(() => {
    alive.current = true;
    return () => {
      alive.current = false;
    };
  }, []);
  const start = useCallback((what: string, action: (say: (text: string) => void) => Promise<void>) => {
    setBusy(what);
    setProblem(null);
    action((text) => alive.current && setBusy(text))
      .catch((error: unknown) => alive.current && setProblem(problemOf(error)))
      .finally(() => alive.current && setBusy(null));
  }, []);
  return { busy, problem, start };
}

/** A value that is kept while the panel shows another page. */
export function useKept<T>(name: string, initial: T): [T, (value: T) => void] {
  const { memory } = useApp();
  const [value, setValue] = useState<T>(() => (memory.has(name) ? (memory.get(name) as T) : initial));
  const set = useCallback(
    (next: T) => {
      memory.set(name, next);
      setValue(next);
    },
    [memory, name],
  );
  return [value, set];
}

/** A value that outlives the panel, in this browser. */
export function useRemembered(name: string, initial: string): [string, (value: string) => void] {
  const key = `${PLUGIN}:${name}`;
  const [value, setValue] = useState<[string, string]>(() => [key, recall(key) ?? initial]);
  const set = useCallback(
    (next: string) => {
      setValue([key, next]);
      try {
        window.localStorage.setItem(key, next);
      } catch {
        // Private windows may have no storage: then it is remembered while the panel is open.
      }
    },
    [key],
  );
  return [value[0] === key ? value[1] : (recall(key) ?? initial), set];
}

function recall(key: string): string | null {
  try {
    return window.localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Opens a page of W&B in a tab of its own, which learns nothing of the App's. */
export function openTab(url: string): boolean {
  const address = webAddress(url);
  if (!address) return false;
  window.open(address, "_blank", "noopener,noreferrer");
  return true;
}
