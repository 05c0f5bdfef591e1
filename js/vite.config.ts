import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** What the bundle is made of; tools/check_bundle.py has the same list. */
const SOURCES = ["package-lock.json", "package.json", "tsconfig.json", "vite.config.ts", "src"];

function sha256(update: (hash: ReturnType<typeof createHash>) => void): string {
  const hash = createHash("sha256");
  update(hash);
  return hash.digest("hex");
}

function sources(): string {
  const root = new URL(".", import.meta.url);
  const files = SOURCES.flatMap((name) =>
    name.includes(".")
      ? [name]
      : readdirSync(new URL(name, root), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => `${entry.parentPath}/${entry.name}`.replaceAll("\\", "/").split("/js/").at(-1) ?? ""),
  ).sort();
  return sha256((hash) => {
    for (const file of files)
      hash.update(`${file}\n${readFileSync(new URL(file, root), "utf8").replaceAll("\r\n", "\n")}\n`);
  });
}

/** Writes into the bundle what it was made of, so that a machine without Node can tell whether it is current. */
function stamp(): Plugin {
  return {
    name: "stamp",
    generateBundle(_options, bundle) {
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== "chunk") continue;
        const code = chunk.code;
        chunk.code = `/* sources sha256:${sources()} code sha256:${sha256((hash) => hash.update(code))} */\n${code}`;
      }
    },
  };
}

// What the App provides to all plugins, and under which name. There is no jsx-runtime among it.
const provided = {
  react: "React",
  "@fiftyone/operators": "__foo__",
  "@fiftyone/plugins": "__fop__",
  "@fiftyone/spaces": "__fosp__",
};

export default defineConfig({
  plugins: [stamp()],
  oxc: { jsx: { runtime: "classic" } },
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    target: "es2022",
    lib: {
      entry: "src/index.tsx",
      name: "fiftyoneWandbPlugin",
      formats: ["umd"],
      fileName: () => "index.umd.js",
    },
    rollupOptions: { external: Object.keys(provided), output: { globals: provided } },
  },
  test: {
    environment: "happy-dom",
    include: ["test/**/*.test.{ts,tsx}"],
    setupFiles: ["test/setup.ts"],
    // A machine that does five things at a time is slow; see also test/setup.ts.
    testTimeout: 180_000,
    // Components hear of the App through test/app.ts.
    alias: {
      "@fiftyone/operators": new URL("./test/operators.ts", import.meta.url).pathname,
      "@fiftyone/plugins": new URL("./test/plugins.ts", import.meta.url).pathname,
      "@fiftyone/spaces": new URL("./test/spaces.ts", import.meta.url).pathname,
    },
  },
});
