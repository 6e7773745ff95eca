import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { Browser } from 'playwright-core'
import { queryIn } from '#kernel/db/testing.ts'
import { runPostings, runTaxInvoices } from '#modules/billing/index.ts'
import { readBuyer, readHref } from '../../src/modules/billing/tax-invoice/model.ts'
import { axeOn } from '../../web/test/axe.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { csrfOf, type Paid, pay } from '../abuse/support.ts'
import { type Product, withProduct } from '../support/product.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const SHOTS = process.env.YIMEN_SHOTS
const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

test('a buyer is read as people type it, or the field that is wrong is named; links lead to the web alone', () => {
  const company = { kind: 'company', name: ' 梧桐里小吃店 ', tax_no: '９１３１０１０６ 7862 7862 7x' }
  assert.deepEqual(readBuyer(company), { kind: 'company', name: '梧桐里小吃店', taxNo: '913101067862786' + '27X' })
  assert.deepEqual(readBuyer({ kind: 'person', name: '王秀英', tax_no: 'whatever' }), { kind: 'person', name: '王秀英' })
  const bad: [Record<string, string>, string][] = [
    [{}, 'kind'],
    [{ kind: 'person', name: ' \0 ' }, 'name'],
    [{ kind: 'person', name: '长'.repeat(101) }, 'name'],
    [{ kind: 'company', name: 'x', tax_no: '123' }, 'tax_no'],
    [{ kind: 'person', name: 'x', email: 'a@b' }, 'email'],
  ]
  for (const [typed, field] of bad) assert.equal(readBuyer(typed), field)
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('kind', 'name', 'tax_no', 'email'), fc.string({ unit: 'binary' })), typed => {
      const read = readBuyer({ kind: 'person', ...typed })
      if (typeof read !== 'string') assert.ok(JSON.stringify(read).isWellFormed() && read.name.length > 0)
    }),
  )
  assert.equal(readHref('https://water.example/i/17'), 'https://water.example/i/17')
  for (const odd of [
    'javascript:alert(1)',
    'http://water.example/i',
    'https://a:b@water.example/',
    'x',
    `https://w.example/${'a'.repeat(500)}`,
  ])
    assert.equal(readHref(odd), undefined, odd)
})

interface Office {
  readonly product: Product
  readonly paid: Paid
  /** Tells the biller of payments whose time to undo is over, and asks it for what waits; with `isLater` everything's time has come. */
  work(isLater?: boolean): Promise<void>
  states(): Promise<string[]>
}

const withOffice = (work: (office: Office) => Promise<void>) =>
  withProduct(async product => {
    const { kernel } = product
    await queryIn(kernel, `update billing.biller set config = config || '{"tax_invoices": true}'`)
    const paid = await pay(product, 8_640)
    await work({
      ...{ product, paid },
      async work(isLater = false) {
        // Not by the clock: the biller compares our signatures with its own.
        if (isLater)
          for (const table of ['posting', 'tax_invoice'])
            await queryIn(kernel, `update billing.${table} set due_at = now() - interval '1 minute'`)
        await runPostings(kernel, 1)
        await runTaxInvoices(kernel, 1)
      },
      async states() {
        return (await queryIn(kernel, 'select state from billing.tax_invoice order by asked_at')).rows.map(row => row.state)
      },
    })
  })

test('asked for from the receipt: sent once the biller has the payment, written, and opened from the page', { timeout: 120_000 }, () =>
  withOffice(async ({ product, paid, work, states }) => {
    const context = await browser.newContext({ viewport: { width: 375, height: 812 }, locale: 'zh-CN', reducedMotion: 'reduce' })
    context.setDefaultTimeout(10_000)
    await context.addCookies([...paid.browser.cookies].map(([name, value]) => ({ name, value, url: product.url })))
    const page = await context.newPage()
    await page.goto(`${product.url}${paid.order}`)
    let taps = 0
    const tap = async (name: string) => {
      taps++
      await page.getByRole(name === '电子发票' ? 'link' : 'button', { name }).click()
    }
    await tap('电子发票')
    await page.waitForURL('**/tax-invoice')
    if (SHOTS) await page.screenshot({ path: `${SHOTS}/invoice-form.png`, fullPage: true })
    assert.deepEqual(await axeOn(page), [])
    await page.getByLabel('抬头').fill('王秀英')
    await tap('申请开票')
    await page.getByText('已申请，缴费入账后交给').waitFor()
    assert.equal(taps, 2)
    await work()
    assert.deepEqual(await states(), ['asked'], 'within the time to undo the biller knows nothing of it')
    await work(true)
    await work(true)
    assert.deepEqual(await states(), ['issued'], 'taken in hand, then written')
    await page.reload()
    await page.getByText('已开好').waitFor()
    if (SHOTS) await page.screenshot({ path: `${SHOTS}/invoice-issued.png`, fullPage: true })
    const href = await page.getByRole('link', { name: '打开发票' }).getAttribute('href')
    assert.match(await (await fetch(href!)).text(), /王秀英[\s\S]*86\.40元/)
    assert.equal(await page.getByRole('button', { name: '申请开票' }).count(), 0, 'there is one already')
    await context.close()
  }),
)

test('wrong input, a stranger, two at once, a payment that went back, a biller that refuses or is away', { timeout: 120_000 }, () =>
  withOffice(async ({ product, paid, work, states }) => {
    const path = `${paid.order}/tax-invoice`
    const form = await paid.browser.get(path)
    const wrong = await paid.browser.submit(form, path, { kind: 'company', name: '店', tax_no: '12' })
    assert.equal(wrong.status, 422)
    assert.match(textOf(wrong.text), /税号是15到20位/)
    assert.match(wrong.text, /value="店"/, 'nothing typed is lost')
    const other = await pay(product, 1_000)
    assert.equal((await other.browser.get(path)).status, 404)
    assert.equal(
      (await other.browser.post(path, { csrf: csrfOf(await other.browser.get(`${other.order}/tax-invoice`)), kind: 'person', name: 'x' }))
        .status,
      404,
    )
    assert.equal((await paid.browser.post(path, { kind: 'person', name: 'x' })).status, 403, 'without the token of the form')
    const fresh = await paid.browser.get(path)
    const asked = { kind: 'person', name: '王秀英' }
    await Promise.all([paid.browser.submit(form, path, asked), paid.browser.submit(fresh, path, asked)])
    assert.deepEqual(await states(), ['asked'])
    const faults = (body: object) =>
      fetch(`${product.sandbox.biller.url}/_control/faults`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    // The biller has the payment; it is away when it is asked, then refuses, and asked again it writes.
    await queryIn(product.kernel, `update billing.posting set due_at = now() - interval '1 minute'`)
    await runPostings(product.kernel, 1)
    await faults({ drop: 1 })
    await work(true)
    assert.deepEqual(await states(), ['sent'])
    await faults({ drop: 0, reject: 1 })
    await work(true)
    assert.deepEqual(await states(), ['refused'])
    await faults({ reject: 0 })
    const seen = await paid.browser.get(path)
    assert.match(textOf(seen.text), /没有开成[\s\S]*TITLE_NOT_FOUND。可以改好再申请/)
    await paid.browser.submit(seen, path, asked)
    await work(true)
    await work(true)
    assert.deepEqual(await states(), ['refused', 'issued'])
    // Undone: nothing to invoice.
    const back = await pay(product, 2_000)
    const backPath = `${back.order}/tax-invoice`
    await back.browser.submit(await back.browser.get(backPath), backPath, asked)
    assert.equal((await back.browser.submit(back.done, `${back.order}/undo`)).status, 303)
    await work(true)
    assert.match(textOf((await back.browser.get(backPath)).text), /这笔钱已经退回，不开发票/)
    assert.equal((await back.browser.get(backPath)).text.includes('申请开票</button>'), false)
  }),
)
