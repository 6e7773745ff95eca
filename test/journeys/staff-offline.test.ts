import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { queryIn } from '#kernel/db/testing.ts'
import { axeOn } from '../../web/test/axe.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { faultsInBooks, signInAs, until } from '../abuse/support.ts'
import { cursor } from '../support/browser.ts'
import { type Product, withProduct } from '../support/product.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

async function windowOf(product: Product) {
  const desk = await signInAs(product, 'clerk')
  await desk.browser.post('/staff/cash/open', { csrf: desk.csrf, drawer: 'A1' })
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'zh-CN', reducedMotion: 'reduce' })
  context.setDefaultTimeout(10_000)
  await context.addCookies([...desk.browser.cookies].map(([name, value]) => ({ name, value, url: product.url })))
  const page = await context.newPage()
  await page.goto(`${product.url}/staff/cash`)
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready
    while (!(await caches.match('/staff/cash/offline'))) await new Promise(resolve => setTimeout(resolve, 50))
  })
  return { desk, context, page }
}

const type = async (page: Page, text: string) => {
  await page.keyboard.type(text)
  await page.keyboard.press('Enter')
}
const acts = async (product: Product) =>
  (await queryIn(product.kernel, 'select seq, amount_fen, outcome from payments.offline_act order by seq')).rows

test('the network goes: the window goes on taking cash from the keyboard, and hands over by itself', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const [one, two] = [await product.issueBill(5_250), await product.issueBill(1_000)]
    const { context, page } = await windowOf(product)
    await context.setOffline(true)
    await page.goto(`${product.url}/staff/cash`)
    await page.waitForSelector('[data-away]:not([hidden])')
    assert.deepEqual(await axeOn(page), [])
    await cursor(page)
    let presses = 0
    for (const [code, amount, tendered, change] of [
      [one, '52.50', '100', '47.50'],
      [two, '10', '１０', '0.00'],
    ] as const) {
      for (const text of [`${product.url}/b/${code}`, amount, tendered]) {
        await type(page, text)
        presses++
      }
      await page.waitForFunction(wanted => document.querySelector('[data-change]')?.textContent === wanted, change)
    }
    assert.equal(presses, 6, 'three fields a payment')
    assert.match((await page.textContent('[data-slip-no]')) ?? '', /^A1-\w{4}-\w{4}-0002$/)
    // Less than the bill is refused where it stands, and nothing is kept of it.
    for (const text of ['W1', '9', '8']) await type(page, text)
    await page.waitForSelector('[data-wrong-tendered]:not([hidden])')
    await page.reload()
    await page.waitForFunction(() => document.querySelector('[data-pending]')?.textContent === '2')
    assert.deepEqual(await acts(product), [])

    await context.setOffline(false)
    await until('both in the books', async () => (await acts(product)).filter(act => act.outcome === 'booked').length === 2)
    await page.waitForSelector('[data-back]:not([hidden])')
    await page.click('[data-back] a')
    await page.waitForURL('**/staff/cash')
    assert.match((await page.textContent('main')) ?? '', /52\.50/)
    assert.deepEqual(await faultsInBooks(product), [])
    await context.close()
  }),
)

test(
  'a turn is not closed while this computer holds money the books do not know; a sign-in that is over says so',
  { timeout: 120_000 },
  () =>
    withProduct(async product => {
      const code = await product.issueBill(5_250)
      const { context, page } = await windowOf(product)
      await context.setOffline(true)
      await page.goto(`${product.url}/staff/cash/offline`)
      await cursor(page)
      for (const text of [code, '52.5', '60']) await type(page, text)
      await page.waitForSelector('[data-slip]:not([hidden])')
      const cookies = await context.cookies()
      await context.clearCookies()
      await context.setOffline(false)
      await page.reload()
      await page.waitForURL('**/staff/sign-in**')
      assert.deepEqual(await acts(product), [])
      await context.addCookies(cookies)
      // The hand-over is held up, so that the last count comes first.
      await context.route('**/staff/cash/offline', route => (route.request().method() === 'POST' ? route.abort() : route.continue()))
      await page.goto(`${product.url}/staff/cash/close`)
      await page.waitForFunction(() => document.querySelector('[data-pending]')?.textContent === '1')
      await page.click('form[action="/staff/cash/close"] button')
      await page.waitForTimeout(500)
      assert.equal(new URL(page.url()).pathname, '/staff/cash/close')
      await context.unroute('**/staff/cash/offline')
      await page.click('form[action="/staff/cash/close"] button')
      await page.waitForURL('**/staff/cash/turns/**')
      assert.deepEqual(
        (await acts(product)).map(act => act.outcome),
        ['booked'],
      )
      assert.match((await page.textContent('main')) ?? '', /短款|少/)
      assert.deepEqual(await faultsInBooks(product), [])
      await context.close()
    }),
)
