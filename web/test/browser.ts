import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { assets } from '#web/ui/assets.ts'
import type { ElderSize, PageContext } from '#web/ui/page.tsx'

const executablePath = process.env.YIMEN_CHROMIUM ?? '/usr/bin/chromium'
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A browser, or a failure that says why: a check that needs one never passes without it. */
export async function openBrowser(): Promise<Browser> {
  if (!existsSync(executablePath)) throw new Error(`NOT RUN: no browser at ${executablePath}; set YIMEN_CHROMIUM`)
  return chromium.launch({ executablePath, args: flags })
}

/** The policy the pages are written for: nothing inline, nothing from elsewhere. */
export const policy =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'"

export interface Site {
  url: string
  close: () => Promise<void>
}

/** Serves documents by path together with the assets, under the content security policy of the system. */
export async function serve(pages: ReadonlyMap<string, () => string>): Promise<Site> {
  const server: Server = createServer((req, res) => {
    const path = (req.url ?? '/').split('?')[0]!
    const asset = assets.files.get(path)
    const page = pages.get(path)
    if (asset) return void res.writeHead(200, { 'content-type': asset.type }).end(asset.body)
    if (page) return void res.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy }).end(page())
    // A stream that ends at once: the page goes on by asking.
    if (path.endsWith('/live')) return void res.writeHead(200, { 'content-type': 'text/event-stream' }).end(':\n\n')
    res.writeHead(404).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (!address || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () => {
      server.closeAllConnections()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}

export const context = (lang: PageContext['lang'], elder: ElderSize | undefined, extra: Partial<PageContext> = {}): PageContext => ({
  lang,
  elder,
  path: '/',
  tenantName: lang === 'en' ? 'Wutongli' : '梧桐里街道',
  csrf: 'csrf-sample',
  phone: '0000 8866 1200',
  nonce: '',
  ...extra,
})

/** Writes a picture or document below a folder that is made when missing. */
export function save(dir: string, name: string, bytes: Uint8Array | string): void {
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, name), bytes)
}
