import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { queryIn } from '#kernel/db/testing.ts'
import { unwrap } from '#kernel/result.ts'
import { roles } from '#modules/identity/index.ts'
import { refundOrder } from '#modules/payments/index.ts'
import { axeOn } from '../../web/test/axe.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { faultsInBooks, signInAs } from '../abuse/support.ts'
import { cursor } from '../support/browser.ts'
import { withProduct } from '../support/product.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const SHOTS = process.env.YIMEN_SHOTS

test('a card is taken from the keyboard alone: scan, slip, next; what goes back is made on the terminal', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const [code, next] = [await product.issueBill(5_250), await product.issueBill(1_000)]
    const desk = await signInAs(product, 'clerk')
    await desk.browser.post('/staff/cash/open', { csrf: desk.csrf, drawer: 'A1' })
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'zh-CN', reducedMotion: 'reduce' })
    context.setDefaultTimeout(10_000)
    await context.addCookies([...desk.browser.cookies].map(([name, value]) => ({ name, value, url: product.url })))
    const page = await context.newPage()
    await page.goto(`${product.url}/staff/cash`)
    const began = performance.now()
    let keys = 0
    const press = async (key: string) => {
      keys++
      await page.keyboard.press(key)
    }
    // What is typed is read off the slip or scanned; counted are the keys between.
    const scan = async (text: string) => {
      await page.keyboard.type(text)
      await press('Enter')
    }
    const takeCard = async (bill: string, reference: string, isFirst: boolean) => {
      await cursor(page)
      await scan(`${product.url}/b/${bill}`)
      await page.waitForURL(/\/staff\/cash\/bills\/[^/]+$/)
      await cursor(page)
      await press('Tab')
      await press('Tab')
      await press('Enter')
      await page.waitForURL('**/card')
      await cursor(page)
      if (isFirst) {
        await page.keyboard.type('T1234567')
        await press('Tab')
      }
      await page.keyboard.type(reference)
      await press('Tab')
      await page.keyboard.type('6217')
      if (SHOTS && isFirst) await page.screenshot({ path: `${SHOTS}/card.png`, fullPage: true })
      await press('Enter')
    }
    await takeCard(code, '000000000001', true)
    await page.waitForURL('**/staff/cash/card/**')
    assert.match((await page.textContent('main'))!, /已入账[\s\S]*52\.50[\s\S]*收据/)
    assert.ok(keys <= 7, `${keys} keys`)
    // The same reference again, then the right one: the next payer stands there already.
    await takeCard(next, '000000000001', false)
    await page.getByText('这个参考号今天已经入过账').first().waitFor()
    await page.locator('#reference').fill('000000000002')
    await page.locator('#reference').press('Enter')
    await page.waitForURL('**/staff/cash/card/**')
    assert.ok(performance.now() - began < 45_000)
    const { rows } = await queryIn(
      product.kernel,
      `select a.channel, o.state, o.paid_fen from payments."order" o
      join payments.attempt a on a.tenant_id = o.tenant_id and a.order_id = o.id order by 3`,
    )
    assert.deepEqual(rows, [
      { channel: 'card', state: 2, paid_fen: 1_000 },
      { channel: 'card', state: 2, paid_fen: 5_250 },
    ])

    const order = page.url().split('/').at(-1)!
    unwrap(await product.kernel.db.tx(1, tx => refundOrder(tx, product.ctx, order, 'biller_refused')))
    await page.goto(`${product.url}/staff/cash/card-refunds`)
    await page.getByText('终端T1234567，参考号000000000002，尾号6217').waitFor()
    if (SHOTS) await page.screenshot({ path: `${SHOTS}/card-refunds.png`, fullPage: true })
    assert.deepEqual(await axeOn(page), [])
    const field = page.locator('input[name^=reference-]')
    await field.fill('12')
    await field.press('Enter')
    await page.getByText('参考号是12位数字').first().waitFor()
    await field.fill('000000000003')
    await field.press('Enter')
    await page.waitForURL('**/staff/cash/card-refunds?notice=returned')
    await context.close()
    assert.deepEqual(await faultsInBooks(product), [])
    const bill = (await queryIn(product.kernel, 'select id from billing.bill limit 1')).rows[0].id
    for (const role of roles) {
      const other = await signInAs(product, role)
      const may = role === 'clerk'
      assert.equal((await other.browser.get('/staff/cash/card-refunds')).status, may ? 200 : 403, role)
      assert.equal((await other.browser.get(`/staff/cash/bills/${bill}/card`)).status, may ? 303 : 403, role)
      for (const path of [`/staff/cash/bills/${bill}/card`, '/staff/cash/card-refunds'])
        if (!may) assert.equal((await other.browser.post(path, { csrf: other.csrf })).status, 403, `${role} posts ${path}`)
    }
  }),
)
