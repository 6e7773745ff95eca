import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryIn } from '#kernel/db/testing.ts'
import { type Role, roles } from '#modules/identity/index.ts'
import { faultsInBooks, pay, signInAs, until } from '../abuse/support.ts'
import { withProduct } from '../support/product.ts'

const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

test(
  'a part of a payment goes back by two people over the real channel; the bill stays paid, the payer sees it',
  { timeout: 120_000 },
  () =>
    withProduct(async product => {
      const paid = await pay(product, 10_000)
      await paid.browser.get(paid.order)
      const { rows } = await queryIn(product.kernel, 'select id from payments."order"')
      const href = `/staff/orders/${rows[0].id}`
      const manager = await signInAs(product, 'manager')
      assert.match(textOf((await manager.browser.get(href)).text), /退一部分/)
      const form = await manager.browser.get(`${href}/refund`)
      assert.match(textOf(form.text), /最多 99\.99 元/)
      const submit = (fields: Record<string, string>) => manager.browser.submit(form, `${href}/refund`, fields)
      for (const [fields, words] of [
        [{}, /请写退多少|请选原因/],
        [{ amount: '1e3', cause: 'overcharged' }, /请写退多少/],
        [{ amount: '-5', cause: 'overcharged' }, /请写退多少/],
        [{ amount: '100.01', cause: 'overcharged' }, /超过这一项/],
        [{ amount: '100', cause: 'overcharged' }, /整笔退回请付款人/],
        [{ amount: '12.5', cause: '' }, /请选原因/],
        [{ amount: '12.5', cause: 'other' }, /请写说明/],
      ] as const) {
        const answer = await submit(fields)
        assert.equal(answer.status, 422, JSON.stringify(fields))
        assert.match(textOf(answer.text), words)
      }
      // Full-width figures as an input method gives them; a double click asks once.
      const typed = { amount: '１２.５', cause: 'other', note: '多抄了两吨水' }
      assert.deepEqual(
        (await Promise.all([submit(typed), submit(typed)])).map(a => a.location),
        [href, href],
      )
      const { rowCount } = await queryIn(product.kernel, 'select from payments.refund')
      assert.equal(rowCount, 1)
      // Nothing has moved yet, for nobody.
      assert.doesNotMatch(textOf((await paid.browser.get(paid.order)).text), /退款/)
      assert.equal((await manager.browser.get('/staff/refunds')).status, 403, 'who asks does not agree')

      const approver = await signInAs(product, 'approver')
      const list = await approver.browser.get('/staff/refunds')
      assert.match(textOf(list.text), /1件待同意[\s\S]*多抄了两吨水[\s\S]*100\.00[\s\S]*12\.50/)
      const action = /action="(\/staff\/refunds\/[^"]+)"/.exec(list.text)![1]!
      assert.equal((await approver.browser.submit(list, action, { act: 'agree' })).location, '/staff/refunds?notice=agreed')
      assert.equal((await approver.browser.submit(list, action, { act: 'agree' })).location, '/staff/refunds?notice=decided_before')
      await until('the money', async () => (await queryIn(product.kernel, 'select from payments.refund where state = 5')).rowCount)
      const done = textOf((await paid.browser.get(paid.order)).text)
      assert.match(done, /缴好了[\s\S]*已退回 ?12\.50 ?元/)
      assert.doesNotMatch(done, /钱已退回/)
      assert.doesNotMatch((await paid.browser.get(`${paid.order}/print-80`)).text, /不能作缴费凭证/)
      assert.match(textOf((await paid.browser.get('/mine/payments')).text), /已缴/)
      assert.match(textOf((await paid.browser.get(`/b/${paid.bill}`)).text), /已缴|缴过/)
      assert.deepEqual(await faultsInBooks(product), [])

      // What somebody else gave back meanwhile is seen before more is asked for.
      assert.match(textOf((await submit({ ...typed, amount: '1', idempotency_key: 'another-key-0123456789' })).text), /刚有过别的退款/)
      const again = await manager.browser.get(`${href}/refund`)
      assert.match(textOf(again.text), /最多 87\.49 元/)
      assert.equal((await manager.browser.submit(again, `${href}/refund`, { amount: '1', cause: 'relief' })).location, href)
      const next = await approver.browser.get('/staff/refunds')
      const second = /action="(\/staff\/refunds\/[^"]+)"/.exec(next.text)![1]!
      assert.equal((await approver.browser.submit(next, second, { act: 'decline' })).location, '/staff/refunds?notice=declined')
      const trail = /不同意退款/
      await until('the trail', async () => trail.test(textOf((await approver.browser.get(href)).text)))
      assert.deepEqual(await faultsInBooks(product), [])
    }),
)

test('who may ask and who may agree: pages and forms of refunds by role', { timeout: 120_000 }, () =>
  withProduct(async product => {
    await pay(product, 5_000)
    const { rows } = await queryIn(product.kernel, 'select id from payments."order"')
    const asking: Role[] = ['approver', 'manager']
    const unknown = `/staff/refunds/${product.ctx.requestId}`
    for (const role of roles) {
      const desk = await signInAs(product, role)
      const mayAsk = asking.includes(role)
      const form = `/staff/orders/${rows[0].id}/refund`
      assert.equal((await desk.browser.get(form)).status, mayAsk ? 200 : 403, `${role} form`)
      assert.equal((await desk.browser.post(form, { csrf: desk.csrf, amount: '' })).status, mayAsk ? 422 : 403, `${role} asks`)
      assert.equal((await desk.browser.get('/staff/refunds')).status, role === 'approver' ? 200 : 403, `${role} list`)
      const agreed = await desk.browser.post(unknown, { csrf: desk.csrf, act: 'agree', given: '0' })
      assert.equal(agreed.status, role === 'approver' ? 404 : 403, `${role} agrees`)
    }
  }),
)
