import assert from 'node:assert/strict'
import { test } from 'node:test'
import ExcelJS from 'exceljs'
import { queryIn } from '#kernel/db/testing.ts'
import { roles } from '#modules/identity/index.ts'
import { pay, signInAs, startPaying } from '../abuse/support.ts'
import { plainBrowser } from '../support/form.ts'
import { type Product, withProduct } from '../support/product.ts'

const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')
const linksOf = (html: string) => [...html.matchAll(/href="(\/staff\/console\/orders\?[^"]+)"/g)].map(m => m[1]!.replaceAll('&amp;', '&'))

async function payAtWindow(product: Product, amountFen: number): Promise<void> {
  const clerk = await signInAs(product, 'clerk')
  await clerk.browser.post('/staff/cash/open', { csrf: clerk.csrf, drawer: 'A1' })
  const code = await product.issueBill(amountFen)
  const { rows } = await queryIn(product.kernel, 'select id from billing.bill where code = $1', [code])
  const path = `/staff/cash/bills/${rows[0].id}`
  const taken = await clerk.browser.submit(await clerk.browser.get(path), path, { tendered: '100' })
  assert.match(taken.location ?? '', /\/done\//)
  await clerk.browser.get(taken.location!)
}

test("a day's money at a glance: what came by which way, who left where, and every figure opens to its orders", { timeout: 120_000 }, () =>
  withProduct(async product => {
    const paid = await pay(product, 5_250)
    await paid.browser.get(paid.order)
    await payAtWindow(product, 1_000)
    const left = await startPaying(product, 2_000)
    await left.browser.submit(await left.browser.get(left.order), `${left.order}/cancel`, {})
    await plainBrowser(product.url).get(`/b/${await product.issueBill(3_000)}`)

    const manager = await signInAs(product, 'manager')
    assert.equal((await manager.browser.get('/staff')).location, '/staff/console', 'a manager begins here')
    const page = await manager.browser.get('/staff/console')
    const text = textOf(page.text)
    assert.match(text, /收缴 ¥62\.50/)
    assert.match(text, /已付订单 2/)
    assert.match(text, /付款人取消 本系统 1 20\.00/)
    assert.match(text, /看到账单 100% 4 — — — 确认付款 75% 3 1/, 'each step counts who got there and who left')
    assert.match(text, /付成 50% 2 \S+ \S+ \S+ 看到收据 50% 2/)
    assert.match(text, /A1 \S+ .* 1 每一步/, 'the open drawer')
    const links = [...new Set(linksOf(page.text))]
    assert.ok(links.length >= 7)
    for (const link of links) {
      const records = await manager.browser.get(link)
      assert.equal(records.status, 200, link)
      const count = Number(/(\d+)笔/.exec(textOf(records.text))![1])
      assert.equal([...records.text.matchAll(/href="\/staff\/orders\/[0-9a-f-]{36}"/g)].length, count, link)
      if (link.includes('outcome=paid') && !/channel|place/.test(link)) assert.equal(count, 2, link)
    }
    const orders = links.find(link => link.endsWith('place=window'))!
    assert.match(textOf((await manager.browser.get(orders)).text), /1笔[\s\S]*窗口[\s\S]*10\.00/)
  }),
)

test('orders behind a figure leave as CSV, XLSX and JSON that agree, and the trail says so', { timeout: 120_000 }, () =>
  withProduct(async product => {
    await pay(product, 5_250)
    await pay(product, 1_001)
    // What an importer of bills could have put there.
    await queryIn(product.kernel, `update payments."order" set title = '=HYPERLINK("http://x","y")' where amount_fen = 1001`)
    const manager = await signInAs(product, 'manager')
    const cookie = [...manager.browser.cookies].map(([k, v]) => `${k}=${v}`).join('; ')
    const get = async (format: string) =>
      Buffer.from(await (await fetch(`${product.url}/staff/console/orders.${format}?outcome=paid`, { headers: { cookie } })).arrayBuffer())
    const csv = (await get('csv')).toString('utf8')
    assert.ok(csv.startsWith('\ufeff'))
    assert.match(csv, /"'=HYPERLINK\(""http/, 'shown, not computed')
    const rows = JSON.parse((await get('json')).toString('utf8')) as { amount_yuan: number; channel: string; state: string }[]
    assert.deepEqual(rows.map(r => r.amount_yuan).sort(), [10.01, 52.5])
    const book = new ExcelJS.Workbook()
    await book.xlsx.load((await get('xlsx')) as unknown as ArrayBuffer)
    const sheet = book.worksheets[0]!
    assert.equal(sheet.rowCount, 3)
    const cell = [2, 3].map(row => sheet.getRow(row).getCell(2)).find(c => String(c.value).startsWith('='))!
    assert.equal(cell.type, ExcelJS.ValueType.String)
    const { rows: told } = await queryIn(
      product.kernel,
      `select body->>'rows' as rows from trail.entry where type = 'payments.orders_exported' union all
       select body->>'rows' from trail.pending_event where type = 'payments.orders_exported'`,
    )
    assert.deepEqual(
      told.map((r: { rows: string }) => r.rows),
      ['2', '2', '2'],
    )
  }),
)

test('the console is for managers and auditors: page, records and files by role', { timeout: 120_000 }, () =>
  withProduct(async product => {
    for (const role of roles) {
      const desk = await signInAs(product, role)
      const may = role === 'manager' || role === 'operator-audit'
      for (const path of ['/staff/console', '/staff/console/orders', '/staff/console/orders.csv', '/staff/console/orders.xlsx'])
        assert.equal((await desk.browser.get(path)).status, may ? 200 : 403, `${role} ${path}`)
      assert.equal((await desk.browser.get('/staff/console/orders?biller=nobody')).status, may ? 404 : 403)
      assert.equal((await desk.browser.get('/staff/console?day=2026-13-99')).status, may ? 200 : 403)
    }
  }),
)
