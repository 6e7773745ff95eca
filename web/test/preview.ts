/** Renders every page with sample figures, at its real widths, as pictures to look at: `preview.ts OUT [name…]`. */
import { context, openBrowser, save, serve } from './browser.ts'
import { samples } from './samples.tsx'

const [out = 'tmp/preview', ...names] = process.argv.slice(2)
const chosen = samples.filter(s => names.length === 0 || names.some(n => s.name.startsWith(n)))
const modes = [
  { id: 'zh', ctx: context('zh-CN', undefined) },
  { id: 'zh-elder', ctx: context('zh-CN', 'elder') },
  { id: 'en', ctx: context('en', undefined) },
]
const pages = new Map<string, () => string>()
for (const s of chosen) for (const m of modes) pages.set(`/${s.name}/${m.id}`, () => s.render({ ...m.ctx, path: `/${s.name}/${m.id}` }))

/** Kiosks stand upright; YIMEN_WIDE shows them lying. */
const kiosk = process.env.YIMEN_WIDE ? { width: 1920, height: 1080 } : { width: 1080, height: 1920 }
const sizeOf = (surface: (typeof samples)[number]['surface']) =>
  surface === undefined ? { width: 360, height: 740 } : surface === 'kiosk' ? kiosk : { width: 1280, height: 800 }

const site = await serve(pages)
const browser = await openBrowser()
for (const s of chosen) {
  for (const m of modes) {
    if (s.surface === 'desk' && m.id === 'zh-elder') continue
    const tab = await browser.newPage({ viewport: sizeOf(s.surface), deviceScaleFactor: s.surface === undefined ? 1.5 : 1 })
    // There is no machine here to prove itself.
    await tab.route('**/assets/device.*.js', route => route.fulfill({ contentType: 'text/javascript', body: '' }))
    tab.on('console', line => console.log(`${s.name}/${m.id}: ${line.text()}`))
    await tab.goto(`${site.url}/${s.name}/${m.id}`)
    save(out, `${s.name}-${m.id}.png`, await tab.screenshot({ fullPage: true }))
    await tab.close()
  }
}
await browser.close()
await site.close()
