import type { Browser, BrowserContext, Page } from 'playwright-core'
import type { ElderSize } from '#web/ui/page.tsx'
import { context, openBrowser, type Site, serve } from './browser.ts'
import { samples } from './samples.tsx'

export const langs = ['zh-CN', 'en'] as const
export const sizes: readonly (ElderSize | undefined)[] = [undefined, 'large', 'elder', 'max']
export const residents = samples.filter(s => s.surface === undefined)
export const phone = { viewport: { width: 360, height: 740 }, reducedMotion: 'reduce' } as const

const TABS_MAX = 4

export const addresses = (list: typeof samples, sizesOf: readonly (ElderSize | undefined)[]) =>
  list.flatMap(s => langs.flatMap(lang => sizesOf.map(size => `/${s.name}/${lang}/${size ?? 'standard'}`)))

export interface Sampled {
  readonly browser: Browser
  readonly site: Site
  /** Runs a check on every address, a few tabs at a time, and returns all complaints; the context is closed. */
  visit(paths: readonly string[], ctx: BrowserContext, check: (tab: Page, path: string) => Promise<string[]>): Promise<string[]>
  close(): Promise<void>
}

/** A browser and a site of all samples at `/name/lang/size`, besides pages of one's own. */
export async function openSampled(own: ReadonlyMap<string, () => string> = new Map()): Promise<Sampled> {
  const pages = new Map(own)
  for (const s of samples)
    for (const lang of langs)
      for (const size of sizes) {
        const path = `/${s.name}/${lang}/${size ?? 'standard'}`
        pages.set(path, () => s.render(context(lang, size, { path })))
      }
  const site = await serve(pages)
  const browser = await openBrowser()
  return {
    browser,
    site,
    visit: async (paths, ctx, check) => {
      const queue = [...paths]
      const complaints: string[] = []
      // The waiting pages would walk away while they are looked at.
      await ctx.route('**/state', route => route.fulfill({ json: {} }))
      // There is no machine here that could prove itself.
      await ctx.route('**/assets/device.*.js', route => route.fulfill({ contentType: 'text/javascript', body: '' }))
      const worker = async () => {
        const tab = await ctx.newPage()
        tab.on('console', line => {
          if (line.type() === 'error') complaints.push(`${tab.url()}: ${line.text()}`)
        })
        for (let path = queue.shift(); path; path = queue.shift()) {
          await tab.goto(site.url + path)
          for (const text of await check(tab, path)) complaints.push(`${path}: ${text}`)
        }
        await tab.close()
      }
      await Promise.all(Array.from({ length: TABS_MAX }, worker))
      await ctx.close()
      return complaints
    },
    close: async () => {
      await browser.close()
      await site.close()
    },
  }
}
