import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryIn } from '#kernel/db/testing.ts'
import { registerPerson } from '#modules/identity/index.ts'
import { timeline } from '#modules/trail/index.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { pay, signInAs, until } from '../abuse/support.ts'
import { type Product, withProduct } from '../support/product.ts'

const textOf = (html: string): string =>
  html
    .replace(/<svg[\s\S]*?<\/svg>/g, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')

async function payOnce(product: Product, fen: number) {
  const paid = await pay(product, fen)
  await paid.browser.get(paid.order)
  const { rows } = await queryIn(
    product.kernel,
    `select o.id, o.code, b.id as bill_id, b.bill_no, b.account_id from payments."order" o join payments.order_line l on l.order_id = o.id
     join billing.bill b on b.id = l.subject_id where o.amount_fen = $1`,
    [fen],
  )
  return { paid, it: rows[0] }
}

/** Waits until the trail has this many entries of the kind about it. */
const recorded = (product: Product, type: string, kind: string, id: string, n: number) =>
  until(`${n} × ${type}`, async () => {
    const entries = await timeline(product.kernel.db, 1, kind, id, { limit: 100 })
    return entries.filter(entry => entry.type === type).length === n
  })

test('from an order a clerk reaches the bill and all bills of its account, each look recorded', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const { it } = await payOnce(product, 4_321)
    // An older bill of the same account that nobody has paid.
    const older = await product.issueBill(2_468)
    await queryIn(
      product.kernel,
      `update billing.bill set account_id = $1, period_from = '2026-07', period_to = '2026-08' where code = $2`,
      [it.account_id, older],
    )
    const clerk = await signInAs(product, 'clerk')
    const order = (await clerk.browser.get(`/staff/orders/${it.id}`)).text
    assert.doesNotMatch(order, /href="\/b\//, 'never onto the page of the resident')
    assert.equal(order.split(`href="/staff/bills/${it.bill_id}`).length - 1, 2, 'bill and account')
    const bill = await clerk.browser.get(`/staff/bills/${it.bill_id}`)
    assert.match(textOf(bill.text), /2026年7–8月 .* 未缴 +24\.68/)
    assert.match(bill.text, new RegExp(`/staff/orders/${it.id}`))
    await recorded(product, 'billing.bill_read', 'bill', it.bill_id, 1)
    const unpaid = /href="(\/staff\/bills\/[^"#]+)">2026年7/.exec(bill.text)![1]!
    const page = await clerk.browser.get(unpaid)
    assert.match(textOf(page.text), /未缴.*24\.68.*订单 没有.*43\.21/)
    assert.match((await clerk.browser.get(`/staff/search?q=${older}`)).text, new RegExp(unpaid), 'found without an order')
    assert.equal((await clerk.browser.get('/staff/bills/nonsense')).status, 404)
    assert.equal((await (await signInAs(product, 'operator-audit')).browser.get(unpaid)).status, 403)
  }),
)

test('a clerk prints a paid receipt again on both papers, marked as a copy, and that is recorded', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const { it } = await payOnce(product, 4_321)
    const clerk = await signInAs(product, 'clerk')
    const order = (await clerk.browser.get(`/staff/orders/${it.id}`)).text
    for (const paper of ['print-80', 'print-a4']) {
      assert.match(order, new RegExp(`/staff/orders/${it.id}/${paper}`))
      const page = await clerk.browser.get(`/staff/orders/${it.id}/${paper}`)
      assert.equal(page.status, 200)
      assert.match(textOf(page.text), /缴费收据（补打）.*43\.21/)
      assert.match(page.text, new RegExp(`href="/staff/orders/${it.id}"`), 'back to the desk')
    }
    await recorded(product, 'billing.order_read', 'order', it.id, 3)
    const biller = await signInAs(product, 'biller')
    assert.doesNotMatch((await biller.browser.get(`/staff/orders/${it.id}`)).text, /print-80/)
    assert.equal((await biller.browser.get(`/staff/orders/${it.id}/print-80`)).status, 403)
    assert.equal((await clerk.browser.get(`/staff/orders/${it.bill_id}/print-80`)).status, 404)
  }),
)

test('an order names biller, channel and reason under their own titles, and says that the money went back', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const { paid, it } = await payOnce(product, 4_321)
    const undo = await paid.browser.submit(await paid.browser.get(paid.order), `${paid.order}/undo`, {})
    assert.equal(undo.status, 303)
    const clerk = await signInAs(product, 'clerk')
    const order = textOf((await clerk.browser.get(`/staff/orders/${it.id}`)).text)
    assert.match(order, /付款记录.* 渠道 .*成功，(退款中|已退款).*入账记录.* 收费单位 .*退款记录.* 原因 .*付款人撤销/)
    assert.equal(order.split(' 渠道 ').length - 1, 1, 'one table of channels')
  }),
)

test('on a phone a wide table scrolls in its own pane and a line says so; at a desk there is no such line', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const security = await signInAs(product, 'operator-security')
    const browser = await openBrowser()
    try {
      const context = await browser.newContext({ viewport: { width: 390, height: 800 } })
      await context.addCookies([...security.browser.cookies].map(([name, value]) => ({ name, value, url: product.url })))
      const page = await context.newPage()
      await page.goto(`${product.url}/staff/accounts`)
      assert.equal(await page.locator('.widehint').last().isVisible(), true)
      const { table, view, body } = await page.evaluate(() => {
        const wide = document.querySelector('.wide:has(table)')!
        return { table: wide.scrollWidth, view: wide.clientWidth, body: document.documentElement.scrollWidth }
      })
      assert.ok(table > view && body <= 390, `${table} in ${view} on ${body}`)
      await page.setViewportSize({ width: 1280, height: 900 })
      assert.equal(await page.locator('.widehint').last().isVisible(), false)
    } finally {
      await browser.close()
    }
  }),
)

test('nobody is offered a search they may not use, and a refusal speaks to staff', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const system = await signInAs(product, 'operator-system')
    const home = await system.browser.get('/staff')
    assert.deepEqual([home.status, home.location], [303, '/staff/devices'])
    assert.doesNotMatch((await system.browser.get('/staff/me')).text, /role="search"/)
    const refused = await system.browser.get('/staff/search?q=1')
    assert.equal(refused.status, 403)
    assert.match(textOf(refused.text), /您的岗位没有这项权限.*安全管理员/)
    assert.doesNotMatch(refused.text, /另一户/)
    const clerk = await signInAs(product, 'clerk')
    assert.equal((await clerk.browser.get('/staff')).location, '/staff/search')
    assert.match((await clerk.browser.get('/staff/search')).text, /role="search"/)
    assert.doesNotMatch((await clerk.browser.get('/staff/orders/nonsense')).text, /账单已经更新/)
  }),
)

test('a search says when it found more people than it shows', { timeout: 120_000 }, () =>
  withProduct(async product => {
    for (let n = 0; n < 11; n++) assert.ok((await registerPerson(product.ctx, { name: '李小满', phone: `137000001${10 + n}` })).ok)
    for (let n = 0; n < 10; n++) assert.ok((await registerPerson(product.ctx, { name: '赵十全', phone: `137000002${10 + n}` })).ok)
    const { browser } = await signInAs(product, 'clerk')
    const found = async (name: string) => (await browser.get(`/staff/search?q=${encodeURIComponent(name)}`)).text
    const many = await found('李小满')
    assert.equal(many.split('href="/staff/residents/').length - 1, 10)
    assert.match(many, /同名或同址的居民不止这些/)
    const ten = await found('赵十全')
    assert.equal(ten.split('href="/staff/residents/').length - 1, 10)
    assert.doesNotMatch(ten, /不止这些/)
  }),
)

test(
  'a request is taken by one person, whose name is shown; the second who takes it is told, and it can be given back',
  {
    timeout: 120_000,
  },
  () =>
    withProduct(async product => {
      const { paid, it } = await payOnce(product, 5_500)
      await queryIn(product.kernel, 'update billing.posting set state = 3, finished_at = paid_at where order_id = $1', [it.id])
      await queryIn(product.kernel, `update payments."order" set paid_at = paid_at - interval '11 minutes' where id = $1`, [it.id])
      const asked = await paid.browser.submit(await paid.browser.get(`${paid.order}/wrong`), `${paid.order}/wrong`, { reason: 'other' })
      assert.equal(asked.status, 303)
      const [first, second] = [await signInAs(product, 'approver'), await signInAs(product, 'manager')]
      const hands = `/staff/orders/${it.id}/rescue/hands`
      const lists = [await first.browser.get('/staff/rescues'), await second.browser.get('/staff/rescues')] as const
      assert.match(textOf(lists[0].text), /谁在办.*还没有人 我来办/)
      // Both saw it free; both press.
      const presses = await Promise.all([first.browser.submit(lists[0], hands, {}), second.browser.submit(lists[1], hands, {})])
      assert.deepEqual(presses.map(press => /notice=(\w+)/.exec(press.location ?? '')?.[1]).sort(), ['taken', 'taken_before'])
      const [holder, other] = presses[0].location?.endsWith('=taken') ? [first, second] : [second, first]
      const told = await other.browser.get(presses.find(press => press.location?.includes('taken_before'))!.location!)
      const { rows } = await queryIn(product.kernel, 'select name from identity.staff where id = $1', [holder.id])
      assert.match(textOf(told.text), new RegExp(`${rows[0].name}已经在办这件`))
      assert.doesNotMatch(told.text, new RegExp(`action="${hands}"`), 'nothing to press for who does not have it')
      assert.match(textOf((await other.browser.get(`/staff/orders/${it.id}`)).text), new RegExp(`谁在办 ${rows[0].name}`))
      const back = await holder.browser.submit(await holder.browser.get(`/staff/orders/${it.id}`), hands, {})
      assert.equal(back.location, '/staff/rescues?notice=given_back')
      const free = await other.browser.get('/staff/rescues')
      assert.equal((await other.browser.submit(free, hands, {})).location, '/staff/rescues?notice=taken')
      assert.deepEqual(
        (await queryIn(product.kernel, 'select assignee_id from tasks.task')).rows.map(row => row.assignee_id),
        [other.id],
      )
    }),
)

test('a proposed account that was turned down leaves the list and frees its user name', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const security = await signInAs(product, 'operator-security')
    const manager = await signInAs(product, 'manager')
    const propose = async (username = 'li.na') =>
      security.browser.submit(await security.browser.get('/staff/accounts/new'), '/staff/accounts/new', {
        name: '李娜',
        username,
        role: 'clerk',
        why: '新到岗',
      })
    const decide = async (how: 'approve' | 'decline') => {
      const list = await manager.browser.get('/staff/accounts')
      const action = new RegExp(`action="(/staff/changes/[^"]+/${how})"`).exec(list.text)![1]!
      return manager.browser.submit(list, action, {})
    }
    assert.equal((await propose()).status, 303)
    assert.equal((await propose()).status, 422, 'the name is held while the proposal waits')
    assert.equal((await decide('decline')).status, 303)
    assert.doesNotMatch((await manager.browser.get('/staff/accounts')).text, /li\.na/)
    assert.equal((await propose()).status, 303)
    assert.equal((await decide('approve')).status, 200)
    assert.equal((await propose()).status, 422, 'an account that was opened keeps its name')
    // Closed, then proposed to be opened again and turned down: it was somebody's, and stays.
    await queryIn(product.kernel, `update identity.staff set disabled_at = now() where username = 'li.na' and withdrawn_at is null`)
    const { rows } = await queryIn(product.kernel, `select id from identity.staff where username = 'li.na' and withdrawn_at is null`)
    const page = await security.browser.get(`/staff/accounts/${rows[0].id}`)
    const again = await security.browser.submit(page, `/staff/accounts/${rows[0].id}/open`, { role: 'clerk', why: '回来了' })
    assert.equal(again.status, 303)
    assert.equal((await decide('decline')).status, 303)
    assert.match((await manager.browser.get('/staff/accounts')).text, /li\.na/)
  }),
)
