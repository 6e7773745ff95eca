import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { queryIn } from '#kernel/db/testing.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import { runSettlements } from '#modules/billing/index.ts'
import { type Role, roles } from '#modules/identity/index.ts'
import { reconcileStatement, runClose, type WechatConfig, wechatChannel } from '#modules/payments/index.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { type Desk, faultsInBooks, pay, signInAs, until, withInspector } from '../abuse/support.ts'
import { cursor } from '../support/browser.ts'
import { withProduct } from '../support/product.ts'
import { wechatStatement } from '../support/statement.ts'
import { upload } from '../support/upload.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

const control = async (url: string, act: string, body: object) => {
  const answer = await fetch(`${url}/_control/${act}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.ok(answer.ok, `${act}: ${answer.status}`)
}

test('the day closes by itself over the real protocol; what differs is decided from the keyboard', { timeout: 180_000 }, () => {
  let ahead_ms = 0
  const clock = { now: () => new Date(Date.now() + ahead_ms) }
  return withProduct(
    async product => {
      const { kernel, sandbox } = product
      const day = dayOf(clock.now())
      await pay(product, 4_321)
      const undone = await pay(product, 1_234)
      assert.equal((await undone.browser.submit(undone.done, `${undone.order}/undo`)).status, 303)
      await until('the refund', async () => (await queryIn(kernel, 'select from payments.refund where state = 5')).rowCount)
      // Somebody sells something else under the same merchant number.
      const channel = wechatChannel(sandbox.wechat.config as unknown as WechatConfig)
      const outTradeNo = 'shop-20261122-0001'
      const expireAt = new Date(Date.now() + 600_000)
      const order = { outTradeNo, amountFen: 990, title: '纯净水', expireAt, product: 'native' as const, clientIp: '127.0.0.1' }
      await channel.create({ ...order, notifyUrl: 'http://127.0.0.1:9/', returnUrl: 'http://127.0.0.1:9/' })
      await control(sandbox.wechat.url, 'pay', { out_trade_no: outTradeNo })

      // The next day at eleven.
      ahead_ms = new Date(`${addDays(day, 1)}T11:00:00+08:00`).getTime() - Date.now()
      assert.equal(await runClose(kernel, 1), false)
      const early = await signInAs(product, 'manager')
      assert.match(textOf((await early.browser.get('/staff/reconciliation')).text), /渠道说还没有账单/)
      await control(sandbox.wechat.url, 'faults', { statement_today: true })
      ahead_ms += 3_600_000
      await runClose(kernel, 1)
      const { rows } = await queryIn(
        kernel,
        `select channel, rows, paid_fen, refunded_fen from payments.statement where day = $1 and superseded_at is null order by channel`,
        [day],
      )
      assert.deepEqual(rows, [
        { channel: 'alipay', rows: 0, paid_fen: 0, refunded_fen: 0 },
        { channel: 'wechat', rows: 4, paid_fen: 6_545, refunded_fen: 1_234 },
      ])
      // Both channels agree but for a purchase that is none of ours: the day is settled, each biller sees its own.
      await runSettlements(kernel, 1)
      const biller = await signInAs(product, 'biller', 'water')
      const settled = await biller.browser.get('/staff/settlements')
      assert.match(textOf(settled.text), /已结算[\s\S]*55\.55[\s\S]*12\.34[\s\S]*43\.21/)
      const billerFile = await biller.browser.get(/href="(\/staff\/settlements\/[^"]+)"/.exec(settled.text)![1]!)
      assert.match(billerFile.text, /合计,3,缴费,55\.55,退回,12\.34,净额,43\.21/)
      const manager = await signInAs(product, 'manager')
      const list = await manager.browser.get('/staff/reconciliation')
      assert.match(textOf(list.text), /1处差异待处理，涉及9\.90元/)
      const csv = await manager.browser.get('/staff/reconciliation/breaks.csv')
      assert.match(csv.text, /渠道有，账上没有,一般,\d+,shop-20261122-0001,9\.90,,/)
      const file = /href="(\/staff\/statements\/[^"]+)"/.exec(list.text)![1]!
      assert.match((await manager.browser.get(file)).text, /总交易单数/)

      // A manager in a hurry, without a mouse; and the second person, since money leaves suspense.
      const decideByKeys = async (desk: Desk) => {
        const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'zh-CN', reducedMotion: 'reduce' })
        context.setDefaultTimeout(10_000)
        await context.addCookies([...desk.browser.cookies].map(([name, value]) => ({ name, value, url: product.url })))
        const page = await context.newPage()
        await page.goto(`${product.url}/staff/reconciliation`)
        await page.locator('a[href^="/staff/breaks/"]').focus()
        let keys = 0
        const press = async (key: string) => {
          keys++
          await page.keyboard.press(key)
        }
        await press('Enter')
        await page.waitForURL('**/staff/breaks/**')
        await cursor(page)
        const asked = (await page.textContent('main'))!
        // The reasons wait for the keyboard: the blank chooses, Enter sends.
        await press('Space')
        await press('Enter')
        await page.waitForURL('**/staff/reconciliation?notice=*')
        const told = (await page.textContent('main'))!
        await context.close()
        return { keys, asked, told }
      }
      const first = await decideByKeys(manager)
      assert.match(first.asked, /已记入待查款[\s\S]*不用退，转作其他收入/)
      assert.match(first.told, /已记下，等第二个人同意/)
      const second = await decideByKeys(await signInAs(product, 'approver'))
      assert.match(second.told, /已记下结论[\s\S]*没有待处理的差异/)
      assert.deepEqual([first.keys, second.keys], [3, 3])
      assert.deepEqual(await faultsInBooks(product), [])
    },
    { clock },
  )
})

test('a statement brought by hand: bad ones are refused with their place, leave one refusal and nothing else', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const manager = await signInAs(product, 'manager')
    const day = addDays(dayOf(new Date()), -3)
    const good = wechatStatement(day, [
      { txnNo: '4200001', outTradeNo: 'shop1', amountFen: 500 },
      { txnNo: '4200002', outTradeNo: '=cmd()', amountFen: 700 },
    ])
    const text = good.toString()
    const fields = { channel: 'wechat', day }
    await withInspector(product, async see => {
      const before = await see.refusals()
      const bad: [string, Buffer, RegExp][] = [
        ['cut', Buffer.from(text.slice(0, text.indexOf('总交易单数'))), /在汇总行之前就断了/],
        ['other amount', Buffer.from(text.replace('`5.00', '`5.01')), /金额和汇总不符/],
        ['other day', wechatStatement(addDays(day, 1), [{ txnNo: '1', outTradeNo: '2', amountFen: 3 }]), /账单不是这一天的/],
        ['no statement', Buffer.from('hello'), /第1行：不是渠道的交易账单/],
        ['saved by a spreadsheet', Buffer.from([0xef, 0xbb, 0xbf, 0xd6, 0xd0, 0xff]), /文件编码不对/],
        [
          'contradicting',
          wechatStatement(
            day,
            [1, 2].map(amountFen => ({ txnNo: '1', outTradeNo: '2', amountFen })),
          ),
          /互相矛盾/,
        ],
      ]
      for (const [what, bytes, words] of bad) {
        const answer = await upload(product, manager, '/staff/statements', fields, { name: 'a.csv', bytes })
        assert.equal(answer.status, 422, what)
        assert.match(answer.text, words, what)
      }
      await until('the refusals', async () => (await see.refusals()) === before + bad.length)
      assert.equal(await see.count('select count(*) as n from payments.statement'), 0)
    })
    assert.match(
      (await upload(product, manager, '/staff/statements', { channel: 'wechat', day: 'tomorrow' })).text,
      /请写日期[\s\S]*请选账单文件/,
    )
    assert.match(
      (await upload(product, manager, '/staff/statements', { ...fields, day: dayOf(new Date()) }, { name: 'a.csv', bytes: good })).text,
      /当天还没有结束/,
    )
    // As people write it.
    const typed = `${day.replaceAll('-', '／')}`
    assert.equal(
      (await upload(product, manager, '/staff/statements', { channel: 'wechat', day: typed }, { name: 'a.csv', bytes: good })).location,
      '/staff/reconciliation?notice=compared',
    )
    assert.equal(
      (await upload(product, manager, '/staff/statements', fields, { name: 'b.csv', bytes: good })).location,
      '/staff/reconciliation?notice=unchanged',
    )
    assert.match((await manager.browser.get('/staff/reconciliation/breaks.csv')).text, /,'=cmd\(\),/)
    const list = (await manager.browser.get('/staff/reconciliation')).text
    const kept = /href="(\/staff\/statements\/[^"]+)"/.exec(list)![1]!
    assert.equal((await manager.browser.get(kept)).text, text.replace('\ufeff', ''))

    // What is in suspense takes two people.
    const [first] = /\/staff\/breaks\/[0-9a-f-]+/.exec(list)!
    const page = await manager.browser.get(first)
    assert.equal((await manager.browser.submit(page, first, { reason: '' })).status, 422)
    assert.equal((await manager.browser.submit(page, first, { reason: 'other', note: '不知道' })).status, 422, 'only a write-off ends it')
    const decision = { reason: 'kept_as_income', note: '门口小店的收款码挂在同一商户号上' }
    assert.match(
      (await manager.browser.submit(page, first, decision)).location!,
      /^\/staff\/breaks\/[^?]+\?notice=proposed$/,
      'the next one',
    )
    assert.doesNotMatch((await manager.browser.get(first)).text, /name="reason"/)
    assert.equal((await manager.browser.submit(page, first, decision)).status, 409)
    const approver = await signInAs(product, 'approver')
    const shown = await approver.browser.get(first)
    assert.match(textOf(shown.text), /待第二人同意[\s\S]*门口小店的收款码挂在同一商户号上/)
    assert.match((await approver.browser.submit(shown, first, decision)).location!, /^\/staff\/breaks\/[^?]+\?notice=resolved$/)
    assert.equal((await approver.browser.submit(shown, first, decision)).location, '/staff/reconciliation?notice=resolved_before')
    const settled = /已有结论[\s\S]*第一人作出决定[\s\S]*差异了结/
    await until('the trail', async () => settled.test(textOf((await manager.browser.get(first)).text)))
  }),
)

test('who may see and decide: each page and form of reconciliation by role', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const day = addDays(dayOf(new Date()), -2)
    const raw = wechatStatement(day, [{ txnNo: '4200009', outTradeNo: 'shop', amountFen: 100 }])
    const done = await reconcileStatement(product.ctx, { channel: 'wechat', day, file: { name: 'a.csv', pieces: () => [raw] } })
    assert.ok(done.ok)
    const { rows } = await queryIn(product.kernel, 'select id from payments.break')
    const href = `/staff/breaks/${rows[0].id}`
    const readers: Role[] = ['manager', 'approver', 'operator-audit']
    for (const role of roles) {
      const desk = await signInAs(product, role)
      const may = readers.includes(role)
      for (const path of [
        '/staff/reconciliation',
        '/staff/reconciliation/breaks.csv',
        href,
        `/staff/statements/${done.value.statement.id}`,
      ])
        assert.equal((await desk.browser.get(path)).status, may ? 200 : 403, `${role} ${path}`)
      const maySettle = may ? role !== 'approver' : role === 'biller'
      assert.equal((await desk.browser.get('/staff/settlements')).status, maySettle ? 200 : 403, `${role} settlements`)
      for (const path of [`/staff/settlements/${product.ctx.requestId}`, `/staff/settlements/${product.ctx.requestId}/corrected`])
        assert.equal((await desk.browser.get(path)).status, maySettle ? 404 : 403, `${role} ${path}`)
      const mayDecide = may && role !== 'operator-audit'
      assert.equal((await desk.browser.post(href, { csrf: desk.csrf, reason: '' })).status, mayDecide ? 422 : 403, `${role} decides`)
      assert.equal((await upload(product, desk, '/staff/statements', {})).status, mayDecide ? 422 : 403, `${role} uploads`)
    }
    const outside = await fetch(product.url + href, { redirect: 'manual' })
    assert.equal(outside.status, 303)
    const manager = await signInAs(product, 'manager')
    for (const path of [
      '/staff/breaks/x',
      `/staff/breaks/${product.ctx.requestId}`,
      '/staff/statements/x',
      `/staff/statements/${product.ctx.requestId}`,
    ])
      assert.equal((await manager.browser.get(path)).status, 404, path)
    assert.equal((await manager.browser.post(href, { reason: 'found_equal' })).status, 403, 'without the token of the form')
  }),
)
