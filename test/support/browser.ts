import { gzipSync } from 'node:zlib'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { BRIDGE_SCRIPT } from '../../sandbox/wechat/bridge.ts'

export const phone = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, reducedMotion: 'reduce' } as const

const AGENT = 'Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36'

const WECHAT_AGENT =
  'Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36 XWEB/1400 MMWEBSDK/20260901 MicroMessenger/8.0.60 WeChat/arm64 NetType/WIFI Language/zh_CN'

/** Waits for the cursor where the page puts it; the browser does so a moment after the page has loaded, and keys before that go astray. */
export const cursor = (page: Page): Promise<void> => page.locator('[autofocus]:focus').waitFor()

/** The app around the page: what its wallet answers when it is called. */
export interface WechatApp {
  /** Where the wallet is served. */
  readonly url: string
  /** What the person does in the sheet, for each time it opens; then they pay. */
  readonly answers?: ('pay' | 'cancel')[]
}

export interface Visitor {
  readonly context: BrowserContext
  readonly page: Page
  /** Presses something on one of our pages and waits for the next document; the wallet's own button does not count. */
  tap(selector: string): Promise<void>
  /** Taps on our own pages so far. */
  taps(): number
  /** Presses the pay button of the wallet and comes back. */
  payInWallet(): Promise<void>
  close(): Promise<void>
}

/** A person with a telephone 360 px wide. */
export async function openVisitor(
  browser: Browser,
  options: { script?: boolean; lang?: 'zh-CN' | 'en'; wechat?: WechatApp } = {},
): Promise<Visitor> {
  const context = await browser.newContext({
    ...phone,
    userAgent: options.wechat ? WECHAT_AGENT : AGENT,
    javaScriptEnabled: options.script ?? true,
    locale: options.lang ?? 'zh-CN',
  })
  context.setDefaultTimeout(10_000)
  if (options.wechat) await putIntoWechat(context, options.wechat)
  const page = await context.newPage()
  let taps = 0
  const press = (selector: string) => Promise.all([page.waitForEvent('domcontentloaded'), page.locator(selector).first().tap()])
  return {
    context,
    page,
    tap: async selector => {
      taps++
      await press(selector)
    },
    taps: () => taps,
    payInWallet: async () => {
      await press('button[value="pay"]')
    },
    close: () => context.close(),
  }
}

async function putIntoWechat(context: BrowserContext, { url, answers = [] }: WechatApp): Promise<void> {
  await context.exposeFunction('wechatApp', async (params: object) => {
    const answered = await fetch(`${url}/wallet/bridge`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ params, answer: answers.shift() ?? 'pay' }),
    })
    return (await answered.json()) as { err_msg: string }
  })
  await context.addInitScript(BRIDGE_SCRIPT)
}

export interface Weight {
  gzip_bytes: number
  requests: number
}

/** First visit with nothing cached. Bytes as transferred when the answer is compressed; else the body after gzip level 9. */
export async function weigh(
  browser: Browser,
  url: string,
  options: { cookies?: BrowserContext } = {},
): Promise<Weight & { status: number }> {
  const context = await browser.newContext({ ...phone, userAgent: AGENT, locale: 'zh-CN' })
  try {
    if (options.cookies) await context.addCookies(await options.cookies.cookies())
    const page = await context.newPage()
    const pending: Promise<number>[] = []
    page.on('requestfinished', request => {
      pending.push(
        (async () => {
          const response = (await request.response())!
          if (response.headers()['content-encoding']) return (await request.sizes()).responseBodySize
          // A redirect has no body to weigh.
          return response.status() >= 300 && response.status() < 400 ? 0 : gzipSync(await response.body(), { level: 9 }).length
        })(),
      )
    })
    const answer = await page.goto(url, { waitUntil: 'networkidle' })
    const sizes = await Promise.all(pending)
    return { gzip_bytes: sizes.reduce((sum, size) => sum + size, 0), requests: sizes.length, status: answer?.status() ?? 0 }
  } finally {
    await context.close()
  }
}
