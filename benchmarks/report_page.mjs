// Check a report in a headless browser: accessibility by axe-core, sideways scrolling, and pictures to look at.
//
//     npm install --prefix runs/axe axe-core puppeteer-core
//     node benchmarks/report_page.mjs runs/axe /usr/bin/chromium STUDY/report/report.html runs/axe
//
// The arguments: where npm installed, a Chromium, the page, and a folder for pictures and the PDF as it is printed. The
// exit code is 1 where axe-core finds a violation, or the page is wider than the screen.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const [modules, chromium, page, out] = process.argv.slice(2).map((own) => path.resolve(own));
const require = createRequire(path.join(modules, 'package.json'));
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const { default: puppeteer } = await import(require.resolve('puppeteer-core'));
const browser = await puppeteer.launch({ executablePath: chromium, args: ['--no-sandbox'] });
let failed = false;
for (const [name, width, height] of [['phone', 390, 844], ['laptop', 1366, 768]]) {
  const tab = await browser.newPage();
  await tab.setBypassCSP(true);
  await tab.setViewport({ width, height });
  await tab.goto(`file://${page}`);
  await tab.evaluate(axe);
  const found = await tab.evaluate(() => axe.run());
  const wide = (await tab.evaluate(() => document.documentElement.scrollWidth)) > width;
  await tab.screenshot({ path: path.join(out, `${name}.png`) });
  if (name === 'laptop') await tab.pdf({ path: path.join(out, 'print.pdf'), preferCSSPageSize: true });
  const violations = found.violations.map((own) => `${own.id} (${own.nodes.length})`).join(', ') || 'none';
  const open = found.incomplete.map((own) => own.id).join(', ') || 'none';
  console.log(`${name}: violations ${violations}; ${found.passes.length} rules passed; not decided ${open}; too wide: ${wide}`);
  failed ||= found.violations.length > 0 || wide;
}
await browser.close();
process.exit(failed ? 1 : 0);
