import { cleanup, configure } from "@testing-library/react";
import { afterEach, beforeEach, vi } from "vitest";
import { reset } from "./app";

// A machine that does five things at a time is slow.
configure({ asyncUtilTimeout: 60_000 });

beforeEach(() => {
  window.localStorage.clear();
  vi.stubGlobal("open", vi.fn());
  reset();
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});
