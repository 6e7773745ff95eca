import type { Browser, BrowserContext, Page } from 'playwright-core'
import { addDevice, permissionsOf } from '#modules/identity/index.ts'
import type { Product } from './product.ts'

export const upright = { viewport: { width: 1080, height: 1920 }, hasTouch: true, reducedMotion: 'reduce' } as const

export interface KioskBrowser {
  readonly context: BrowserContext
  readonly page: Page
  readonly id: string
  /** Touches something on our pages and waits for the next document. */
  tap(selector: string): Promise<void>
  taps(): number
  /** What a scanner does with the code on a bill: types it and Enter. */
  scan(bill: string): Promise<void>
  close(): Promise<void>
}

/** A new machine's code, as the head of the centre gets it. */
export async function kioskCode(product: Product, title = '1号机'): Promise<{ id: string; code: string }> {
  const actor = { kind: 'staff' as const, id: 'head', permissions: permissionsOf('manager') }
  const added = await addDevice({ ...product.ctx, actor }, { title, place: '一楼大厅' })
  if (!added.ok) throw new Error(added.error.code)
  return added.value
}

/** A machine in the hall: joins by typing the code on its own pad, and stands at the first screen. */
export async function openKiosk(browser: Browser, product: Product, options: { lang?: 'en' } = {}): Promise<KioskBrowser> {
  const { id, code } = await kioskCode(product)
  const context = await browser.newContext({ ...upright, locale: 'zh-CN' })
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  await page.goto(`${product.url}/kiosk/enrol`)
  for (const digit of code) await page.locator(`[data-key="${digit}"]`).tap()
  await page.locator('#enrol button[type=submit], #enrol .btn--big').last().tap()
  await page.waitForSelector('.kiosk--start')
  let taps = 0
  const press = (selector: string) => Promise.all([page.waitForEvent('domcontentloaded'), page.locator(selector).first().tap()])
  if (options.lang) await press('button[value="en"]')
  return {
    context,
    page,
    id,
    tap: async selector => {
      taps++
      await press(selector)
    },
    taps: () => taps,
    scan: async bill => {
      await page.keyboard.type(`${product.url}/b/${bill}`)
      await Promise.all([page.waitForEvent('domcontentloaded'), page.keyboard.press('Enter')])
    },
    close: () => context.close(),
  }
}

/** A telephone scans the code on the screen and pays in its wallet. */
export async function payWithPhone(
  product: Product,
  channel: 'wechat' | 'alipay',
  payInWallet: (url: string) => Promise<string>,
): Promise<void> {
  const root = channel === 'wechat' ? '/wallet' : '/cashier'
  const list = await (await fetch(`${product.sandbox[channel].url}${root}`)).text()
  const link = new RegExp(`href="(${root}/(?:native|precreate)[^"]+)"`).exec(list)?.[1]
  if (!link) throw new Error(`nothing to pay in the wallet: ${list.slice(0, 500)}`)
  await payInWallet(`${product.sandbox[channel].url}${link.replaceAll('&amp;', '&').replaceAll('&#38;', '&')}`)
}
