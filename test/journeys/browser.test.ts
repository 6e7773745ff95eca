import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { queryIn } from '#kernel/db/testing.ts'
import { checkLedger } from '#modules/ledger/index.ts'
import { checkPayments } from '#modules/payments/index.ts'
import { axeOn } from '../../web/test/axe.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { openVisitor, type Visitor } from '../support/browser.ts'
import { type Product, withProduct } from '../support/product.ts'

const PAY = 'button[form="pay"]'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const clean = async ({ kernel }: Product) => {
  const checks = [...(await checkLedger(kernel.db, 1)), ...(await checkPayments(kernel.db, 1))]
  assert.deepEqual(
    checks.filter(check => check.ok === false),
    [],
  )
}

const count = async (product: Product, sql: string): Promise<number> => Number((await queryIn(product.kernel, sql)).rows[0].n)
const orders = (product: Product) => count(product, 'select count(*) as n from payments."order"')

/** From the address in the code on the paper to the receipt. */
async function scanAndPay(visitor: Visitor, product: Product, amountFen: number): Promise<{ bill: string; order: string; taps: number }> {
  const before = visitor.taps()
  const bill = await product.issueBill(amountFen)
  await visitor.page.goto(`${product.url}/b/${bill}`)
  await visitor.tap(PAY)
  await visitor.payInWallet()
  assert.match(await visitor.page.content(), /YM-\d{8}-\d{6}/)
  return { bill, order: new URL(visitor.page.url()).pathname, taps: visitor.taps() - before }
}

for (const script of [true, false]) {
  test(
    `${script ? 'with' : 'without'} script: from the code to the receipt in two taps, and again for the next bill`,
    { timeout: 240_000 },
    () =>
      withProduct(async product => {
        const visitor = await openVisitor(browser, { script })
        const first = await scanAndPay(visitor, product, 13_195)
        assert.ok(first.taps <= 2, `${first.taps} taps`)
        const next = await scanAndPay(visitor, product, 9_900)
        assert.ok(next.taps <= 2, `${next.taps} taps`)
        assert.equal(await count(product, 'select count(*) as n from payments."order" where state = 2'), 2)

        // Reading the receipt again does nothing but show it.
        await visitor.page.reload()
        assert.match(await visitor.page.content(), /YM-\d{8}-000002/)
        await visitor.page.goto(`${product.url}/b/${next.bill}`)
        assert.equal(await visitor.page.locator(PAY).count(), 0)
        assert.equal(await visitor.page.locator(`a[href="${next.order}"]`).count(), 1)
        assert.equal(await orders(product), 2)
        await clean(product)
        await visitor.close()
      }),
  )
}

for (const script of [true, false]) {
  test(
    `${script ? 'with' : 'without'} script: Alipay is left once, gone on with, paid, and its words leave the address`,
    { timeout: 240_000 },
    () =>
      withProduct(async product => {
        const visitor = await openVisitor(browser, { script })
        const { page } = visitor
        const before = visitor.taps()
        await page.goto(`${product.url}/b/${await product.issueBill(13_195)}`)
        await page.locator('.choice:has(input[value="alipay"])').tap()
        await visitor.tap(PAY)
        assert.ok(page.url().startsWith(product.sandbox.alipay.url), page.url())
        await page.goBack()
        assert.match(await page.content(), /131\.95/)
        await page.goto(`${product.url}/mine/payments`)
        await visitor.tap('main .links a')
        assert.equal(await page.locator('h1').textContent(), '还没付')
        await visitor.tap('a.btn:has-text("继续付款")')
        await visitor.payInWallet()
        const address = new URL(page.url())
        assert.match(address.pathname, /^\/o\/[0-9a-z]{26}$/)
        assert.deepEqual([...address.searchParams.keys()], ['back'])
        assert.match(await page.content(), /YM-\d{8}-000001/)
        assert.ok(visitor.taps() - before <= 4)
        assert.equal(await count(product, `select count(*) as n from payments.attempt where channel = 'alipay'`), 1)
        assert.equal(await count(product, 'select sum(paid_fen) as n from payments."order"'), 13_195)
        await clean(product)
        await visitor.close()
      }),
  )
}

test('going back after paying never pays again', { timeout: 240_000 }, () =>
  withProduct(async product => {
    const visitor = await openVisitor(browser)
    const { order } = await scanAndPay(visitor, product, 8_800)
    const { page } = visitor
    // Back over the wallet to the bill: it says that it is paid.
    for (let i = 0; i < 4 && !/\/b\//.test(page.url()); i++) await page.goBack()
    assert.match(page.url(), /\/b\//)
    if ((await page.locator(PAY).count()) > 0) await visitor.tap(PAY)
    const shown = await page.content()
    assert.ok(shown.includes(order) || /YM-\d{8}-000001/.test(shown), page.url())
    assert.equal(await orders(product), 1)
    assert.equal(await count(product, 'select sum(paid_fen) as n from payments."order"'), 8_800)
    await clean(product)
    await visitor.close()
  }),
)

test('a double click on pay opens one order', { timeout: 240_000 }, () =>
  withProduct(async product => {
    const visitor = await openVisitor(browser)
    await visitor.page.goto(`${product.url}/b/${await product.issueBill(5_500)}`)
    await visitor.page.locator(PAY).dblclick()
    // Looked at and not waited for: the second click ends the way the first one was on.
    for (let i = 0; i < 100 && !/\/wallet\//.test(visitor.page.url()); i++) await new Promise(resolve => setTimeout(resolve, 100))
    await visitor.page.waitForLoadState('networkidle')
    assert.equal(await orders(product), 1)
    assert.equal(await count(product, 'select count(*) as n from payments.attempt'), 1)
    await visitor.payInWallet()
    assert.match(await visitor.page.content(), /YM-\d{8}-000001/)
    await clean(product)
    await visitor.close()
  }),
)

test('undo within ten minutes: the page shows the refund and the books are clean', { timeout: 240_000 }, () =>
  withProduct(async product => {
    const visitor = await openVisitor(browser)
    const { order } = await scanAndPay(visitor, product, 7_700)
    await visitor.tap(`form[action="${order}/undo"] button`)
    assert.equal(new URL(visitor.page.url()).pathname, order)
    assert.match(await visitor.page.content(), /77\.00/)
    assert.equal(await visitor.page.locator(`form[action="${order}/undo"]`).count(), 0)
    for (let i = 0; i < 100 && (await count(product, 'select refunded_fen as n from payments."order"')) === 0; i++)
      await new Promise(resolve => setTimeout(resolve, 100))
    await visitor.page.reload()
    assert.equal(await visitor.page.locator('.banner', { hasText: '77.00' }).count(), 1)
    assert.equal(await count(product, 'select refunded_fen as n from payments."order"'), 7_700)
    await clean(product)
    await visitor.close()
  }),
)

test(
  'inside WeChat: pay, the app says who pays, its wallet opens by itself, receipt; the next time without asking',
  { timeout: 240_000 },
  () =>
    withProduct(async product => {
      const answers: ('pay' | 'cancel')[] = []
      const visitor = await openVisitor(browser, { wechat: { url: product.sandbox.wechat.url, answers } })
      const { page } = visitor
      const asked: string[] = []
      page.on('request', request => {
        if (request.url().includes('/connect/oauth2/authorize')) asked.push(request.url())
      })
      const pay = async (amountFen: number) => {
        const before = visitor.taps()
        await page.goto(`${product.url}/b/${await product.issueBill(amountFen)}`)
        await visitor.tap(PAY)
        await page.locator('text=/YM-\\d{8}-\\d{6}/').first().waitFor()
        assert.match(page.url(), /\/o\/[0-9a-z]{26}/)
        return visitor.taps() - before
      }
      assert.equal(await pay(13_195), 1)
      assert.equal(await pay(9_900), 1)
      assert.equal(asked.length, 1, 'known the second time')
      const products = await queryIn(product.kernel, 'select product from payments.attempt')
      assert.deepEqual([...new Set(products.rows.map(row => row.product))], ['jsapi'])

      // Somebody who closes the wallet stays on its page and can open it again.
      answers.push('cancel')
      await page.goto(`${product.url}/b/${await product.issueBill(7_700)}`)
      await visitor.tap(PAY)
      await page.locator('[data-jsapi] > button').waitFor()
      assert.equal(await count(product, 'select count(*) as n from payments."order" where state = 2'), 2)
      await page.locator('[data-jsapi] > button').tap()
      await page.locator('text=/YM-\\d{8}-000003/').first().waitFor()

      // A press before the script was there: the page that explains a browser without script goes on by itself.
      await page.goto(`${product.url}/b/${await product.issueBill(5_500)}`)
      await page.evaluate(() => document.querySelector('input[name="script"]')!.remove())
      await visitor.tap(PAY)
      await page.locator('text=/YM-\\d{8}-000004/').first().waitFor()

      // Or takes the code for another telephone: the wallet's order is closed before there is another.
      answers.push('cancel')
      await page.goto(`${product.url}/b/${await product.issueBill(6_600)}`)
      await visitor.tap(PAY)
      await page.locator('[data-jsapi] > button').waitFor()
      await visitor.tap('form[action$="/by-code"] button')
      await page.locator('.qr-card').waitFor()
      const states = await queryIn(product.kernel, 'select product from payments.attempt_state where amount_fen = 6600 and state = 3')
      assert.deepEqual(
        states.rows.map(row => row.product),
        ['native'],
      )
      await clean(product)
      await visitor.close()
    }),
)

const LOOKS = [
  { size: undefined, lang: 'zh-CN' },
  { size: 'elder', lang: 'en' },
  { size: undefined, lang: 'en' },
  { size: 'elder', lang: 'zh-CN' },
] as const

const complaintsOf = async (visitor: Visitor, place: string): Promise<string[]> =>
  (await axeOn(visitor.page)).map(text => `${place}: ${text}`)

test('axe finds nothing on the pages as they are served, in both languages and two sizes', { timeout: 240_000 }, () =>
  withProduct(async product => {
    const visitor = await openVisitor(browser)
    const { page, context } = visitor
    const { bill: paid, order } = await scanAndPay(visitor, product, 4_400)
    const { rows } = await queryIn(product.kernel, 'select entry_id from billing.receipt')
    const verify = `/verify?c=${rows[0].entry_id}`
    const bill = await product.issueBill(6_600)
    const places = [
      '/',
      `/b/${bill}`,
      `/b/${paid}`,
      `/b/${bill}/wechat?state=old`,
      order,
      '/pay',
      '/pay/account?biller=water',
      verify,
      '/verify?c=1234',
      '/prices',
      '/mine/payments',
      '/mine',
      '/mine/households',
      '/mine/readings',
      '/sign-in',
      '/staff/sign-in',
    ]
    const complaints: string[] = []
    for (const [turn, { size, lang }] of LOOKS.entries()) {
      await context.addCookies([
        { name: 'yimen_lang', value: lang, url: product.url },
        { name: 'yimen_elder', value: size ?? '', url: product.url },
      ])
      // Every page in two of the four looks, so that each pair of language and page, and of size and page, is met.
      for (const place of turn < 2 ? places : places.slice(0, 4)) {
        await page.goto(product.url + place)
        assert.equal(await page.getAttribute('html', 'lang'), lang)
        if (place.startsWith('/pay/account')) {
          await page.fill('input[name="account"]', '12')
          await visitor.tap('main form button')
          assert.equal(await page.locator('.errors').count(), 1)
        }
        if (place === verify) assert.match(await page.content(), /YM-\d{8}-000001/)
        if (place === '/mine/payments') assert.ok((await page.locator(`a[href="${order}"]`).count()) > 0)
        complaints.push(...(await complaintsOf(visitor, `${place} ${lang} ${size ?? 'standard'}`)))
      }
    }
    assert.deepEqual(complaints, [])
    await visitor.close()
  }),
)
