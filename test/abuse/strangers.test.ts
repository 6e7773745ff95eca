import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryIn } from '#kernel/db/testing.ts'
import { newCode } from '#kernel/id.ts'
import { hiddenFields, plainBrowser } from '../support/form.ts'
import { type Product, withProduct } from '../support/product.ts'
import { comparable, pay, startPaying, until, withInspector } from './support.ts'

test('the bill of a stranger shows masked name and address and no account number', { timeout: 90_000 }, () =>
  withProduct(async product => {
    const code = await product.issueBill()
    const { rows } = await queryIn(
      product.kernel,
      'select a.account_no, a.id, b.id as bill_id, b.bill_no from billing.account a join billing.bill b on b.account_id = a.id where b.code = $1',
      [code],
    )
    const { text } = await plainBrowser(product.url).get(`/b/${code}`)
    assert.match(text, /王\*\*/)
    assert.match(text, /青砖一村\*\*\*/)
    // The quote is a signed text of our own: what it carries is read too.
    const quote = Buffer.from(hiddenFields(text, `/b/${code}/pay`).quote!.split('.')[0]!, 'base64url').toString()
    for (const hidden of [rows[0].account_no, rows[0].bill_no, rows[0].id])
      assert.ok(!text.includes(hidden) && !quote.includes(hidden), hidden)
  }),
)

test('orders of others answer like codes nobody has, and nobody else undoes or cancels', { timeout: 90_000 }, () =>
  withProduct(product =>
    withInspector(product, async see => {
      const open = await startPaying(product, 4_400)
      const paid = await pay(product, 3_300)
      const stranger = plainBrowser(product.url)
      const random = `/o/${newCode(product.kernel.random)}`
      await stranger.get('/')
      for (const path of [
        open.order,
        `${paid.order}/wrong`,
        `${open.order}/receipt.json`,
        `${open.order}/receipt.pdf`,
        `${open.order}/print-a4`,
      ]) {
        const given = await stranger.get(path)
        const same = path.replace(/^\/o\/[^/]+/, random)
        const unknown = await stranger.get(same)
        assert.equal(given.status, 404, path)
        assert.equal(unknown.status, 404, same)
        assert.equal(comparable(given.text, path), comparable(unknown.text, same), path)
      }
      assert.equal((await stranger.get(`${open.order}/state`)).text, (await stranger.get(`${random}/state`)).text)

      const before = await see.state()
      const own = await stranger.get(`/b/${await product.issueBill()}`)
      const csrf = /name="csrf" value="([^"]*)"/.exec(own.text)![1]!
      for (const action of [`${open.order}/cancel`, `${paid.order}/undo`, `${paid.order}/wrong`, `${random}/undo`, `${random}/cancel`]) {
        const answer = await stranger.post(action, { csrf, idempotency_key: newCode(product.kernel.random), reason: 'other' })
        assert.equal(answer.status, 404, action)
      }
      assert.equal(await see.state(), before)
      // What everybody with the link may read is the receipt, and it lets nobody else act.
      const receipt = await stranger.get(paid.order)
      assert.ok(!receipt.text.includes(`${paid.order}/undo`))
    }),
  ),
)

test('codes of bills and orders carry 128 bits', { timeout: 90_000 }, () =>
  withProduct(async product => {
    const codes = await Promise.all(Array.from({ length: 40 }, () => product.issueBill()))
    const orders = [(await startPaying(product)).order.slice(3), (await startPaying(product)).order.slice(3)]
    // 26 letters of 32; the last carries the three bits left over of 128.
    for (const code of [...codes, ...orders]) assert.match(code, /^[0-9a-hjkmnp-tv-z]{26}$/)
    for (let at = 0; at < 25; at++) assert.ok(new Set(codes.map(code => code[at])).size > 8, `letter ${at} hardly varies`)
  }),
)

test('numbers people read aloud open nothing: receipts, bills and attempts are found by their codes alone', { timeout: 90_000 }, () =>
  withProduct(product =>
    withInspector(product, async see => {
      const { bill, order } = await pay(product, 3_300)
      const [row] = (await see.rows(`
        select o.id::text as order_id, b.id::text as bill_id, b.bill_no, r.receipt_no, a.out_trade_no
        from payments."order" o cross join billing.bill b cross join billing.receipt r cross join payments.attempt a`)) as Record<
        string,
        string
      >[]
      assert.match(row!.receipt_no!, /^YM-\d{8}-\d{6}$/)
      const stranger = plainBrowser(product.url)
      for (const [name, number] of Object.entries(row!)) {
        for (const path of [`/b/${number}`, `/o/${number}`, `/o/${number}/receipt.json`, `/o/${number}/receipt.pdf`])
          assert.equal((await stranger.get(path)).status, 404, `${name} opens ${path.replace(number, ':it')}`)
        const checked = await stranger.get(`/verify?c=${encodeURIComponent(number)}`)
        assert.doesNotMatch(checked.text, /33\.00/, name)
      }
      // The code of a bill is not the code of its order, nor the other way round.
      for (const path of [`/o/${bill}`, `/b/${order.slice(3)}`]) assert.equal((await stranger.get(path)).status, 404, path)
    }),
  ),
)

async function plantInOtherTenant(product: Product): Promise<{ bill: string; order: string; account: string }> {
  const { bill, order } = await pay(product, 2_200)
  const { rows } = await queryIn(
    product.kernel,
    'select a.account_no from billing.account a join billing.bill b on b.account_id = a.id where b.code = $1',
    [bill],
  )
  return { bill, order, account: rows[0].account_no }
}

test('what belongs to another tenant does not exist here', { timeout: 90_000 }, () =>
  withProduct(product =>
    withInspector(product, async see => {
      const theirs = await plantInOtherTenant(product)
      const browser = plainBrowser(product.url)
      assert.equal((await browser.get(`/b/${theirs.bill}`)).status, 200)
      // The rows move to tenant 2 whole; the codes stay what they were.
      const tables = `select count(*)::int as n from information_schema.columns where column_name = 'tenant_id' and table_schema in ('billing', 'payments')`
      assert.ok((await see.count(tables)) > 5)
      await moveToTenant(product, 2)
      for (const path of [
        `/b/${theirs.bill}`,
        theirs.order,
        `${theirs.order}/receipt.json`,
        `${theirs.order}/receipt.pdf`,
        `${theirs.order}/print-80`,
      ]) {
        const answer = await browser.get(path)
        assert.equal(answer.status, 404, path)
        assert.doesNotMatch(answer.text, /22\.00|王\*\*/, path)
      }
      assert.equal((await browser.get(`${theirs.order}/state`)).text, '{}')
      assert.equal(await see.count('select count(*)::int as n from payments."order" where tenant_id = 2'), 1)
      await until('the trail', async () => (await see.count('select count(*)::int as n from trail.pending')) === 0)
    }),
  ),
)

/** Rewrites the tenant of every bill, account and order, as the owner of the tables. */
async function moveToTenant(product: Product, tenant: number): Promise<void> {
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: product.kernel.owner })
  await client.connect()
  try {
    await client.query('begin')
    await client.query("set local session_replication_role = 'replica'")
    const { rows } = await client.query(
      `select c.table_schema, c.table_name from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
       where c.column_name = 'tenant_id' and t.table_type = 'BASE TABLE' and c.table_schema in ('billing', 'payments')`,
    )
    for (const { table_schema, table_name } of rows)
      await client.query(`update "${table_schema}"."${table_name}" set tenant_id = $1`, [tenant])
    await client.query('commit')
  } finally {
    await client.end()
  }
}
