import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryIn } from '#kernel/db/testing.ts'
import { placeOrder } from '#modules/payments/index.ts'
import { pay, signInAs } from '../abuse/support.ts'
import { withGas } from '../support/gas.ts'
import { withProduct } from '../support/product.ts'

const KNOWN = `select o.id, o.code, b.id as bill_id, b.code as bill_code, b.bill_no, k.account_no, a.out_trade_no, r.receipt_no, l.payee_account_id
  from payments."order" o join payments.order_line l on l.order_id = o.id join payments.attempt a on a.order_id = o.id
  join billing.bill b on b.id = l.subject_id join billing.account k on k.id = b.account_id left join billing.receipt r on r.order_id = o.id
  where o.amount_fen = $1`

test('staff of a biller see its own accounts, bills and orders; those of another are as unknown', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const gas = await withGas(product)
    for (const [from, fen] of [
      [product, 4_321],
      [gas, 8_765],
    ] as const) {
      const paid = await pay(from, fen)
      await paid.browser.get(paid.order)
    }
    const own = (await queryIn(product.kernel, KNOWN, [8_765])).rows[0]
    const other = (await queryIn(product.kernel, KNOWN, [4_321])).rows[0]
    const { browser } = await signInAs(product, 'biller', 'gas')
    const start = (await browser.get('/staff/search')).text
    assert.match(start, /87\.65/)
    assert.doesNotMatch(start, /43\.21|水费/)
    for (const key of ['code', 'bill_code', 'bill_no', 'account_no', 'out_trade_no', 'receipt_no']) {
      assert.match((await browser.get(`/staff/search?q=${own[key]}`)).text, new RegExp(`/staff/orders/${own.id}`), key)
      assert.match((await browser.get(`/staff/search?q=${other[key]}`)).text, /没有找到/, key)
    }
    assert.equal((await browser.get(`/staff/orders/${own.id}`)).status, 200)
    const unknown = '0197a000-0000-7000-8000-000000000000'
    for (const place of ['/staff/orders/', '/staff/bills/', '/api/v1/orders/']) {
      const foreign = place.includes('bills') ? other.bill_id : other.id
      assert.deepEqual([(await browser.get(place + foreign)).status, (await browser.get(place + unknown)).status], [404, 404], place)
    }
    assert.equal((await browser.get(`/api/v1/bills/${other.bill_code}`)).status, 404)
    assert.doesNotMatch((await browser.get(`/api/v1/bills?q=${other.bill_no}`)).text, /"code"/)
    assert.match((await browser.get('/staff/me')).text, /收费单位[\s\S]*梧桐里燃气公司/)
    assert.match((await (await signInAs(product, 'clerk')).browser.get('/staff/search')).text, /87\.65[\s\S]*43\.21/)

    // One order for both billers: the share of each and no more.
    const bills = await Promise.all([product.issueBill(1_111), gas.issueBill(2_222)])
    const { rows } = await queryIn(product.kernel, 'select id, biller_id, amount_fen from billing.bill where code = any($1)', [bills])
    const payee = { gas: own.payee_account_id, water: other.payee_account_id } as Record<string, number>
    const lines = rows.map((bill: { id: string; biller_id: string; amount_fen: string }) => ({
      subjectKind: 'bill',
      subjectId: bill.id,
      payeeAccountId: payee[bill.biller_id]!,
      amountFen: Number(bill.amount_fen),
      title: bill.biller_id,
    }))
    const placed = await product.kernel.db.tx(1, tx =>
      placeOrder(tx, product.ctx, { lines, title: '水费等2笔账单', payer: 'browser:x', place: 'phone' }),
    )
    assert.ok(placed.ok)
    const shared = (await browser.get(`/staff/orders/${placed.value.orderId}`)).text
    assert.match(shared, /22\.22/)
    assert.doesNotMatch(shared, /33\.33|11\.11|水费/)
  }),
)

test('an account for staff of a biller is asked which biller, and is opened for that one', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const gas = await withGas(product)
    const security = await signInAs(product, 'operator-security')
    const page = await security.browser.get('/staff/accounts/new')
    assert.match(page.text, /value="gas"/)
    const typed = { name: '燃气员', username: 'gas.one', role: 'biller', why: '新入驻' }
    const refused = await security.browser.submit(page, '/staff/accounts/new', typed)
    assert.equal(refused.status, 422)
    assert.match(refused.text, /请选收费单位/)
    assert.equal((await security.browser.submit(page, '/staff/accounts/new', { ...typed, billerId: 'nobody' })).status, 422)
    assert.equal((await security.browser.submit(page, '/staff/accounts/new', { ...typed, billerId: 'gas' })).status, 303)
    const waiting = await security.browser.get('/staff/accounts')
    assert.match(waiting.text, /梧桐里燃气公司/)
    const manager = await signInAs(gas, 'manager')
    const list = await manager.browser.get('/staff/accounts')
    const action = /action="(\/staff\/changes\/[^"]+\/approve)"/.exec(list.text)![1]!
    assert.equal((await manager.browser.submit(list, action, {})).status, 200)
    const { rows } = await queryIn(product.kernel, `select role, biller_id, disabled_at from identity.staff where username = 'gas.one'`)
    assert.deepEqual(rows, [{ role: 'biller', biller_id: 'gas', disabled_at: null }])
  }),
)
