/** The page: starts the model, and each panel that it has a use for. */

import { Files, readAsset } from "./assets";
import type { Description } from "./description";
import { find } from "./dom";
import { Engine } from "./engine";
import { Explorer } from "./explorer";
import { Model } from "./model";
import { setUpCodeMap } from "./panels/codemap";
import { setUpLevels } from "./panels/levels";
import { setUpOwn } from "./panels/own";
import { setUpPad } from "./panels/pad";
import { setUpSentences } from "./panels/sentences";
import { setUpSliders } from "./panels/sliders";
import { setUpStage } from "./panels/stage";
import { setUpWall } from "./panels/wall";
import { whatIsMissing } from "./support";

declare global {
  interface Window {
    /** For the browser's console, and for tests. */
    explorer?: Explorer;
    /** Milliseconds from the opening of the page to the first image. */
    firstImageMs?: number;
  }
}

function fail(error: unknown): void {
  const problem = find("problem");
  problem.textContent = error instanceof Error ? error.message : String(error);
  problem.hidden = false;
  find("status").textContent = "";
}

async function start(): Promise<void> {
  const missing = whatIsMissing();
  if (missing) return fail(missing);
  const about = JSON.parse(find("description").textContent) as Description;
  const [code, runtime] = await Promise.all([readAsset("worker"), readAsset("runtime")]);
  const engine = new Engine(code);
  await engine.start(runtime);
  const explorer = new Explorer(new Model(about, engine, new Files(about.files)), fail);
  for (const setUp of [setUpStage, setUpSliders, setUpLevels, setUpCodeMap]) setUp(explorer);
  explorer.begin();
  await explorer.begun;
  window.firstImageMs = performance.now();
  const further = about.texts ? [setUpSentences] : [setUpPad, setUpOwn, setUpWall];
  for (const setUp of further) setUp(explorer);
  window.explorer = explorer;
}

start().catch(fail);
