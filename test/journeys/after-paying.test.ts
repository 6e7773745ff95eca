import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryIn } from '#kernel/db/testing.ts'
import { runPostings } from '#modules/billing/index.ts'
import { runRefunds } from '#modules/payments/index.ts'
import { type Desk, faultsInBooks, type Paid, pay, payInWallet, signInAs, startPaying, until } from '../abuse/support.ts'
import { type Product, withProduct } from '../support/product.ts'

const orderIdOf = async ({ kernel }: Product, paid: Paid): Promise<string> =>
  (await queryIn(kernel, 'select id from payments."order" where code = $1', [paid.order.slice(3)])).rows[0].id

const textOf = (html: string): string =>
  html
    .replace(/<script[\s\S]*?<\/script>|<svg[\s\S]*?<\/svg>/g, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')

/** The outside world checks our time stamps, so the clock stays and what happened moves back. */
const later = ({ kernel }: Product, sql: string) => queryIn(kernel, sql)

/** Pays, lets the ten minutes pass, and waits until the biller has booked it. */
async function payLongAgo(product: Product): Promise<Paid> {
  const paid = await pay(product)
  await paid.browser.get(paid.order)
  const id = await orderIdOf(product, paid)
  await later(product, 'update payments."order" set paid_at = paid_at - interval \'11 minutes\'')
  await later(product, "update billing.posting set due_at = due_at - interval '11 minutes'")
  await until('the biller', async () => {
    await runPostings(product.kernel, 1)
    return (await queryIn(product.kernel, 'select state from billing.posting where order_id = $1', [id])).rows[0]?.state === 3
  })
  return paid
}

const askBack = (paid: Paid, fields: Record<string, string> = {}) =>
  paid.browser
    .get(`${paid.order}/wrong`)
    .then(page => paid.browser.submit(page, `${paid.order}/wrong`, { reason: 'account', note: '手滑了，应该是楼上的', ...fields }))

const answer = (desk: Desk, id: string, decision: string, words: string) =>
  desk.browser.post(`/staff/orders/${id}/rescue`, { csrf: desk.csrf, decision, answer: words })

test('a wrong payment reaches the desk, is answered once in words, and the payer follows the money home', { timeout: 240_000 }, () =>
  withProduct(async product => {
    const paid = await payLongAgo(product)
    const id = await orderIdOf(product, paid)
    assert.equal((await askBack(paid)).status, 303)
    await later(product, "update billing.wrong_payment set asked_at = asked_at - interval '3 hours'")
    const [first, second, clerk] = [
      await signInAs(product, 'approver'),
      await signInAs(product, 'manager'),
      await signInAs(product, 'clerk'),
    ]

    assert.match(textOf((await first.browser.get('/staff/search')).text), /1件付错申请待答复，最早的已等3小时/)
    const list = textOf((await first.browser.get('/staff/rescues')).text)
    assert.match(list, /付到了别人的户号/)
    assert.equal((await clerk.browser.get('/staff/rescues')).status, 403)
    const order = textOf((await first.browser.get(`/staff/orders/${id}`)).text)
    assert.match(order, /居民的话 手滑了，应该是楼上的/)
    assert.doesNotMatch(textOf((await clerk.browser.get(`/staff/orders/${id}`)).text), /手滑了/)
    const task = await queryIn(product.kernel, `select done_at from tasks.task where subject_id = $1`, [id])
    assert.deepEqual(task.rows, [{ done_at: null }])

    const empty = await answer(first, id, 'agree', '  ')
    assert.equal(empty.status, 422)
    assert.match(textOf(empty.text), /请写给居民的答复/)
    assert.match(textOf((await paid.browser.get(paid.order)).text), /付错申请已交给工作人员/)
    assert.match(textOf((await paid.browser.get('/mine/payments')).text), /付错待答复/)

    const answers = await Promise.all([answer(first, id, 'agree', '水司已核实'), answer(second, id, 'refuse', '不能退')])
    assert.deepEqual(answers.map(a => a.location).sort(), ['/staff/rescues?notice=answered', '/staff/rescues?notice=answered_before'])
    const kept = (await queryIn(product.kernel, 'select state, answer from billing.wrong_payment')).rows[0]
    assert.ok((kept.state === 'returned') === (kept.answer === '水司已核实'), JSON.stringify(kept))
    assert.notEqual((await queryIn(product.kernel, 'select done_at from tasks.task where subject_id = $1', [id])).rows[0].done_at, null)
    assert.match(textOf((await first.browser.get('/staff/rescues')).text), /没有待答复的申请/)
    assert.match(textOf((await paid.browser.get(paid.order)).text), new RegExp(`答复：${kept.answer}`))
    assert.match(textOf((await paid.browser.get('/mine/payments')).text), new RegExp(`答复：${kept.answer}`))
  }),
)

test(
  'once returning was agreed the receipt says where the money is, offers nothing more, and says when it is back',
  { timeout: 240_000 },
  () =>
    withProduct(async product => {
      const paid = await payLongAgo(product)
      const id = await orderIdOf(product, paid)
      await askBack(paid)
      const desk = await signInAs(product, 'approver')
      assert.equal((await answer(desk, id, 'agree', '水司已核实，原路退回')).status, 303)
      const during = (await paid.browser.get(paid.order)).text
      assert.match(textOf(during), /钱正在退回/)
      assert.match(textOf(during), /正在退回131\.95元/)
      assert.doesNotMatch(textOf(during), /缴好了|付错了，请人处理/)
      assert.doesNotMatch(during, /\/undo"/)
      assert.match(textOf((await desk.browser.get(`/staff/orders/${id}`)).text), /退款中/)
      await until('the refund', async () => {
        await later(product, 'update billing.posting set due_at = paid_at where finished_at is null')
        await runPostings(product.kernel, 1)
        await runRefunds(product.kernel, 1)
        return (await queryIn(product.kernel, 'select refunded_fen from payments."order" where id = $1', [id])).rows[0].refunded_fen > 0
      })
      const after = (await paid.browser.get(paid.order)).text
      assert.match(textOf(after), /钱已退回/)
      assert.match(textOf(after), /已退回微信/)
      assert.doesNotMatch(textOf(after), /缴好了|正在退回|付错了，请人处理/)
      assert.match(textOf((await paid.browser.get(`${paid.order}/wrong`)).text), /已退回/)
      const desks = textOf((await desk.browser.get(`/staff/orders/${id}`)).text)
      assert.match(desks, /已退款/)
      assert.match(desks, /收费单位同意退回/)
      for (const raw of ['biller_reversed', 'undone_by_payer', 'returned', 'account', 'billing.', 'payments.'])
        assert.ok(!desks.includes(raw), `${raw} on the desk`)
      assert.deepEqual(await faultsInBooks(product), [])
    }),
)

test('a request that was not agreed leaves the payment as it is, with the answer beside it', { timeout: 240_000 }, () =>
  withProduct(async product => {
    const paid = await payLongAgo(product)
    await askBack(paid)
    const desk = await signInAs(product, 'manager')
    await answer(desk, await orderIdOf(product, paid), 'refuse', '水已经用掉了')
    const page = textOf((await paid.browser.get(paid.order)).text)
    assert.match(page, /缴好了/)
    assert.match(page, /没有同意退回/)
    assert.match(page, /水已经用掉了/)
    assert.doesNotMatch(page, /撤销时间已过/)
  }),
)

test('a payment is shown at once and its proof follows by itself', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const waits: number[] = []
    for (let i = 0; i < 5; i++) {
      const paid = await pay(product, 1_000 + i)
      const shownAt = performance.now()
      assert.match(textOf(paid.done.text), /缴好了/)
      assert.doesNotMatch(paid.done.text, /今晚/)
      const poll = /data-poll="([^"]+)"/.exec(paid.done.text)?.[1]?.replaceAll('&amp;', '&')
      if (poll?.includes('seen=waits')) {
        assert.match(paid.done.text, /<noscript><meta http-equiv="refresh" content="2">/)
        await until('the proof', async () => (await paid.browser.get(poll)).text.includes('"href"'))
      }
      waits.push(performance.now() - shownAt)
      const after = (await paid.browser.get(paid.order)).text
      assert.match(textOf(after), /已写入公开日志/)
      assert.doesNotMatch(after, /http-equiv="refresh"|data-poll=/)
    }
    const typical = waits.sort((a, b) => a - b)[2]!
    assert.ok(typical <= 1_000, `proofs followed after ${waits.map(ms => Math.round(ms)).join(', ')} ms`)
  }),
)

test('a page that waits is told the moment the payment is known, or that there is nothing to wait for', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const first = async (order: string, act: () => Promise<unknown>): Promise<{ told: string; after_ms: number }> => {
      const stream = await fetch(`${product.url}${order}/live`)
      assert.equal(stream.headers.get('content-type'), 'text/event-stream')
      const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
      assert.equal((await reader.read()).value, ':\n\n', 'nothing yet')
      await act()
      const began = performance.now()
      let told = ''
      for (let next = await reader.read(); !next.done; next = await reader.read()) told += next.value
      return { told, after_ms: performance.now() - began }
    }
    const paying = await startPaying(product)
    const paid = await first(paying.order, () => payInWallet(paying.wallet))
    assert.equal(paid.told.replaceAll(':\n\n', ''), `data: {"href":"${paying.order}"}\n\n`)
    assert.ok(paid.after_ms < 2_000, `${paid.after_ms} ms`)
    const other = await startPaying(product)
    const page = await other.browser.get(other.order)
    const given = await first(other.order, () => other.browser.submit(page, `${other.order}/cancel`))
    assert.match(given.told, /data: /)
    assert.ok(given.after_ms < 2_000, `${given.after_ms} ms`)
    assert.equal((await fetch(`${product.url}/o/${'0'.repeat(26)}/live`)).status, 404)
  }),
)

test('what was taken back already is not asked back again from a page left open', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const paid = await pay(product)
    const id = await orderIdOf(product, paid)
    const receipt = await paid.browser.get(paid.order)
    const form = await paid.browser.get(`${paid.order}/wrong`)
    const ask = () => paid.browser.submit(form, `${paid.order}/wrong`, { reason: 'account' })
    // Both at once, and once more after all is over.
    const [undone, asked] = await Promise.all([paid.browser.submit(receipt, `${paid.order}/undo`), ask()])
    assert.deepEqual([undone.status, asked.status], [303, 303])
    await until('the refund', async () => {
      await runRefunds(product.kernel, 1)
      return (await queryIn(product.kernel, 'select 1 from payments."order" where id = $1 and refunded_fen = paid_fen', [id])).rows[0]
    })
    assert.equal((await ask()).status, 303)
    const open = await queryIn(product.kernel, `select 1 from billing.wrong_payment where order_id = $1 and state = 'asked'`, [id])
    assert.equal(open.rows.length, 0)
    assert.equal((await queryIn(product.kernel, 'select 1 from tasks.task where subject_id = $1', [id])).rows.length, 0)
    assert.deepEqual(await faultsInBooks(product), [])
  }),
)

test('money agreed back comes back though the biller never heard of the payment, or had refused it', { timeout: 240_000 }, () =>
  withProduct(async product => {
    const { kernel, sandbox } = product
    const faults = (how: Record<string, number>) =>
      fetch(`${sandbox.biller.url}/_control/faults`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ drop: 0, reject: 0, fail_after_commit: 0, ...how }),
      })
    const rowOf = async (id: string) =>
      (
        await queryIn(
          kernel,
          'select p.state, refunded_fen = paid_fen as back from billing.posting p join payments."order" o on o.id = p.order_id where o.id = $1',
          [id],
        )
      ).rows[0]
    const work = async (id: string) => {
      await queryIn(kernel, "update billing.posting set due_at = due_at - interval '1 hour' where order_id = $1", [id])
      await runPostings(kernel, 1)
      await runRefunds(kernel, 1)
    }
    const told = async (how: Record<string, number>): Promise<[Paid, string]> => {
      const paid = await pay(product)
      await paid.browser.get(paid.order)
      const id = await orderIdOf(product, paid)
      await queryIn(kernel, 'update payments."order" set paid_at = paid_at - interval \'11 minutes\' where id = $1', [id])
      await faults(how)
      await work(id)
      await faults({ drop: 1 })
      assert.equal((await askBack(paid)).status, 303)
      return [paid, id]
    }
    const desk = await signInAs(product, 'approver')
    const lost: Record<string, number>[] = [{ drop: 1 }, { reject: 1, fail_after_commit: 1 }]
    for (const how of lost) {
      const [, id] = await told(how)
      assert.equal((await answer(desk, id, 'agree', '同意')).status, 303)
      await faults({})
      await until(`money back after ${JSON.stringify(how)}`, async () => {
        await work(id)
        return (await rowOf(id)).back
      })
    }
    // Nobody answered yet, and the biller refuses: the request has nothing to wait for any more.
    const [paid, id] = await told({ reject: 1, fail_after_commit: 1 })
    await faults({})
    await until('money back by itself', async () => {
      await work(id)
      return (await rowOf(id)).back
    })
    assert.equal((await answer(desk, id, 'refuse', '不行')).location, '/staff/rescues?notice=answered_before')
    const open = await queryIn(kernel, 'select 1 from tasks.task where subject_id = $1 and done_at is null', [id])
    assert.equal(open.rows.length, 0)
    assert.doesNotMatch(textOf((await paid.browser.get(paid.order)).text), /没有同意/)
    assert.deepEqual(await faultsInBooks(product), [])
  }),
)
