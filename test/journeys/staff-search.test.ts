import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryIn } from '#kernel/db/testing.ts'
import { registerHousehold, registerPerson } from '#modules/identity/index.ts'
import { recordPaid } from '#modules/payments/index.ts'
import { pay, signInAs, startPaying, until, withMessages } from '../abuse/support.ts'
import { plainBrowser } from '../support/form.ts'
import { withProduct } from '../support/product.ts'

const PHONE = '13700000042'
const textOf = (html: string): string =>
  html
    .replace(/<svg[\s\S]*?<\/svg>/g, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')

test('whatever number a payer has in hand, the desk finds the order or the bill by it', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const paid = await pay(product, 4_321)
    await pay(product, 5_555)
    await paid.browser.get(paid.order)
    const { rows } = await queryIn(
      product.kernel,
      `select o.id, o.code, o.paid_txn_no, a.out_trade_no, r.receipt_no, b.code as bill_code, b.bill_no, k.account_no
       from payments."order" o join payments.attempt a on a.order_id = o.id join billing.receipt r on r.order_id = o.id
       join billing.bill b on b.id = r.bill_id join billing.account k on k.id = b.account_id where o.amount_fen = 4321`,
    )
    const it = rows[0]
    const clerk = await signInAs(product, 'clerk')
    const find = async (query: string) => (await clerk.browser.get(`/staff/search?q=${encodeURIComponent(query)}`)).text
    for (const [what, query] of Object.entries({
      receipt: it.receipt_no,
      'receipt in small letters': ` ${it.receipt_no.toLowerCase()} `,
      order: it.code.toUpperCase(),
      'our number at the channel': it.out_trade_no,
      'number of the channel': it.paid_txn_no,
      'page of the bill': it.bill_code,
      bill: it.bill_no,
      account: it.account_no,
      'account with blanks': `${it.account_no.slice(0, 4)} ${it.account_no.slice(4)}`,
    }))
      assert.match(await find(query), new RegExp(`/staff/orders/${it.id}"`), `${what}: ${query}`)
    assert.match(await find(it.account_no.slice(0, 7)), new RegExp(`/staff/orders/${it.id}"`), 'the beginning of an account')
    assert.match(await find(it.account_no.slice(0, 5)), /没有找到/, 'five digits are too few')
    assert.doesNotMatch(await find(it.account_no.slice(0, 5)), /只输前几位/)
    assert.match(await find('%______%'), /没有找到/)
  }),
)

test('the first page shows what only a person can bring on until somebody has, and the newest orders', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const manager = await signInAs(product, 'manager')
    const start = async (desk = manager) => textOf((await desk.browser.get('/staff/search')).text)
    assert.match(await start(), /还没有人缴费/)
    await startPaying(product, 4_321)
    const { rows } = await queryIn(product.kernel, 'select id, order_id from payments.attempt')
    const odd = { attemptId: rows[0].id, txnNo: '4200000001', amountFen: 4_000, paidAt: new Date() }
    assert.equal(await recordPaid(product.ctx, odd), 'suspended')
    assert.match(await start(), /等人处理.*到账金额不符.*43\.21.*最近的订单/)
    const page = await manager.browser.get(`/staff/orders/${rows[0].order_id}`)
    assert.equal((await manager.browser.submit(page, `/staff/orders/${rows[0].order_id}/return`, {})).status, 303)
    assert.doesNotMatch(await start(), /等人处理/)
    // The channel gives the refund up for good: a person is needed again.
    await queryIn(product.kernel, 'update payments.refund set state = 6')
    assert.match(await start(), /等人处理/)
    assert.doesNotMatch(await start(await signInAs(product, 'operator-system')), /等人处理|最近的订单/)
  }),
)

test('a resident is found by telephone, whole name or whole address, and sees who searched and why', { timeout: 120_000 }, () =>
  withProduct(product =>
    withMessages(product, async inbox => {
      const made = await registerPerson(product.ctx, { name: '王小满', phone: PHONE })
      assert.ok(made.ok)
      await registerPerson(product.ctx, { name: '王小明', phone: '13700000043' })
      const home = await registerHousehold(product.ctx, {
        address: '青砖一村8号楼301室',
        members: [{ personId: made.value.id, relation: 'head' }],
      })
      assert.ok(home.ok)
      const clerk = await signInAs(product, 'clerk')
      const find = async (query: string) => (await clerk.browser.get(`/staff/search?q=${encodeURIComponent(query)}`)).text
      for (const query of ['137 0000 0042', '王小满', '王 小满', '青砖一村8号楼301室']) {
        const found = await find(query)
        assert.match(found, new RegExp(`/staff/residents/${made.value.id}"`), query)
        assert.doesNotMatch(textOf(found), /13700000042|小明/, query)
        assert.doesNotMatch(textOf(found).replaceAll(query, ''), /王小满/, 'shown masked')
      }
      assert.match(await find('王小'), /没有找到/, 'never by a part')
      assert.match(await find('13700000099'), /没有找到/)
      assert.equal((await clerk.browser.get(`/staff/residents/${made.value.id}`)).status, 200)
      const biller = await signInAs(product, 'biller')
      assert.match((await biller.browser.get(`/staff/search?q=${PHONE}`)).text, /没有找到/)
      assert.equal((await biller.browser.get(`/staff/residents/${made.value.id}`)).status, 403)

      const own = plainBrowser(product.url)
      const asked = await own.submit(await own.get('/sign-in'), '/sign-in', { phone: PHONE })
      const page = asked.location ? await own.get(asked.location) : asked
      const code = await until('the code', async () => (await inbox.codes(PHONE)).at(-1))
      await own.submit(page, '/sign-in/code', { code })
      const readings = await until('the readings', async () => {
        const text = textOf((await own.get('/mine/readings')).text)
        return text.includes('打开您的登记') && text
      })
      for (const why of ['按您的手机号查询', '按您的姓名查询', '按您家的地址查询', '打开您的登记']) assert.ok(readings.includes(why), why)
      assert.match(readings, /窗口受理/)
      assert.equal(readings.split('按您的姓名查询').length - 1, 2, 'each search is one entry')
    }),
  ),
)
