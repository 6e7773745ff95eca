import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { root } from './root.ts'

/**
 * Takes the pictures of the documents from a running product: `node tools/pictures.ts BASE_URL BILL_URL [RECEIPT_URL]`,
 * with the addresses `npm start` prints. Each page is taken as it is and in elder mode, as a phone shows it.
 */
const PHONE = { width: 390, height: 844 }
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

async function take(
  browser: Browser,
  base: string,
  pages: Readonly<Record<string, string>>,
  mode: 'normal' | 'elder',
  dir: string,
): Promise<void> {
  const context = await browser.newContext({ viewport: PHONE, deviceScaleFactor: 2, locale: 'zh-CN', timezoneId: 'Asia/Shanghai' })
  const page = await context.newPage()
  try {
    if (mode === 'elder') {
      await page.goto(base)
      // The switch every page carries: a form, so that it works without scripts.
      await page.locator('form[action="/prefs"] [name="elder"]').first().click()
    }
    for (const [name, url] of Object.entries(pages)) {
      const response = await page.goto(url, { waitUntil: 'networkidle' })
      if (!response?.ok()) throw new Error(`${url} answered ${response?.status() ?? 'nothing'}`)
      const file = join(dir, `${name}${mode === 'elder' ? '-elder' : ''}.png`)
      await page.screenshot({ path: file, fullPage: true })
      process.stdout.write(`${file}\n`)
    }
  } finally {
    await context.close()
  }
}

async function main([base, bill, done]: readonly string[]): Promise<number> {
  if (!base || !bill) {
    process.stderr.write('usage: pictures BASE_URL BILL_URL [RECEIPT_URL]\n')
    return 2
  }
  const dir = join(root, 'docs/pictures')
  mkdirSync(dir, { recursive: true })
  const browser = await chromium.launch({ executablePath: process.env.YIMEN_CHROMIUM ?? '/usr/bin/chromium', args: FLAGS })
  try {
    const pages = { home: base, bill, ...(done ? { done } : {}) }
    await take(browser, base, pages, 'normal', dir)
    await take(browser, base, pages, 'elder', dir)
    return 0
  } finally {
    await browser.close()
  }
}

process.exitCode = await main(process.argv.slice(2))
