import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { queryIn } from '#kernel/db/testing.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import { renderCheckFile, STANDARD_CHECK } from '../../src/modules/billing/checks/layout.ts'
import { axeOn } from '../../web/test/axe.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { faultsInBooks, signInAs } from '../abuse/support.ts'
import { cursor } from '../support/browser.ts'
import { type Product, withProduct } from '../support/product.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const SHOTS = process.env.YIMEN_SHOTS
const DAY = addDays(dayOf(new Date()), -3)

/** A person at the desk without a mouse. */
async function sitDown(product: Product, role: 'manager' | 'approver') {
  const desk = await signInAs(product, role)
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'zh-CN', reducedMotion: 'reduce' })
  context.setDefaultTimeout(10_000)
  await context.addCookies([...desk.browser.cookies].map(([name, value]) => ({ name, value, url: product.url })))
  const page = await context.newPage()
  let keys = 0
  return {
    page,
    context,
    keys: () => keys,
    async press(key: string, times = 1) {
      keys += times
      for (let n = 0; n < times; n++) await page.keyboard.press(key)
    },
  }
}

test(
  "what a biller's check file differs in is decided from the keyboard, one after the other, a grave one by two",
  { timeout: 120_000 },
  () =>
    withProduct(async product => {
      await queryIn(product.kernel, `update billing.biller set config = config || '{"check_file": "standard"}' where id = 'water'`)
      const rows = ['OTHER-1', 'OTHER-2'].map(postingNo => ({
        ...{ postingNo, billNo: 'X1', accountNo: 'X', amountFen: 1_000, paidAt: `${DAY}T12:00:00+08:00`, isStanding: true },
      }))
      const bytes = renderCheckFile(STANDARD_CHECK, { day: DAY, rows })
      const one = await sitDown(product, 'manager')
      await one.page.goto(`${product.url}/staff/reconciliation`)
      await one.page.locator('input[name=channel][value="biller:water"]').check()
      await one.page.locator('input[name=day]').fill(DAY)
      await one.page.locator('input[type=file]').setInputFiles({ name: 'water.txt', mimeType: 'text/plain', buffer: bytes.subarray(0, 90) })
      await one.page.getByRole('button', { name: '上传并核对' }).click()
      await one.page.getByText('文件在汇总行之前就断了').first().waitFor()
      await one.page.locator('input[type=file]').setInputFiles({ name: 'water.txt', mimeType: 'text/plain', buffer: bytes })
      await one.page.getByRole('button', { name: '上传并核对' }).click()
      await one.page.waitForURL('**/staff/reconciliation?notice=compared')
      assert.match((await one.page.textContent('main'))!, /2处差异待处理，涉及20\.00元[\s\S]*收费单位有，我们没有告诉过[\s\S]*2处差异/)
      if (SHOTS) await one.page.screenshot({ path: `${SHOTS}/breaks.png`, fullPage: true })
      await queryIn(product.kernel, `update payments.break set severity = 1 where ref = 'OTHER-2'`)

      // Opened from the list; the first reason has the focus, an arrow chooses, Enter decides, and the next one stands there.
      await one.page.goto(`${product.url}/staff/reconciliation`)
      await one.page.locator('a[href^="/staff/breaks/"]').first().focus()
      const began = performance.now()
      const keysBefore = one.keys()
      await one.press('Enter')
      await one.page.waitForURL('**/staff/breaks/*')
      await cursor(one.page)
      await one.press('ArrowDown')
      await one.press('Enter')
      await one.page.waitForURL('**/staff/breaks/*?notice=proposed')
      await one.page.getByText('已记下，等第二个人同意').waitFor()
      if (SHOTS) await one.page.screenshot({ path: `${SHOTS}/break.png`, fullPage: true })
      assert.deepEqual(await axeOn(one.page), [])
      await cursor(one.page)
      await one.press('ArrowDown')
      await one.press('Enter')
      await one.page.waitForURL('**/staff/reconciliation?notice=resolved')

      // The second person agrees with what the first found: it is chosen already.
      const two = await sitDown(product, 'approver')
      await two.page.goto(`${product.url}/staff/reconciliation`)
      await two.page.locator('a[href^="/staff/breaks/"]').first().focus()
      await two.press('Enter')
      await two.page.waitForURL('**/staff/breaks/*')
      await cursor(two.page)
      await two.press('Enter')
      await two.page.waitForURL('**/staff/reconciliation?notice=resolved')
      assert.match((await two.page.textContent('main'))!, /没有待处理的差异/)
      const keys = one.keys() - keysBefore + two.keys()
      const seconds = (performance.now() - began) / 1_000
      console.log(`two differences, one of them grave: ${keys} keys, ${seconds.toFixed(1)} s`)
      assert.ok(keys <= 7, `${keys} keys`)
      assert.ok(seconds < 45)
      await one.context.close()
      await two.context.close()
      assert.deepEqual(await faultsInBooks(product), [])
    }),
)
