import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { queryIn } from '#kernel/db/testing.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import { type Role, roles } from '#modules/identity/index.ts'
import { axeOn } from '../../web/test/axe.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { faultsInBooks, payInWallet, signInAs, until } from '../abuse/support.ts'
import { hiddenFields, plainBrowser } from '../support/form.ts'
import { withProduct } from '../support/product.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')
const PATH = '/staff/switchover'
const HERE = '990101001001'

test('a community is let in by two persons; when the channel fails it goes back by itself, and what was begun is still paid', {
  timeout: 180_000,
}, () => {
  let ahead_ms = 0
  const clock = { now: () => new Date(Date.now() + ahead_ms) }
  return withProduct(
    async product => {
      await queryIn(
        product.kernel,
        `insert into identity.area (tenant_id, code, name_zh, name_en) values (1, '990101001', '梧桐里街道', 'Wutongli'), (1, $1, '青砖社区', 'Qingzhuan')`,
        [HERE],
      )
      const codes = await Promise.all(Array.from({ length: 6 }, () => product.issueBill(5_000)))
      const manager = await signInAs(product, 'manager')
      const page = await manager.browser.get(PATH)
      assert.match(textOf(page.text), /现在所有功能对所有人开着/)
      const added = await manager.browser.submit(page, `${PATH}-areas`, { prefix: '青砖一村', area: HERE })
      assert.equal(added.location, `${PATH}?notice=saved`)
      const form = await manager.browser.get(PATH)
      assert.match(textOf(form.text), /青砖社区 6/)
      const first = new Date(clock.now().getTime() + 2 * 3_600_000 + 8 * 3_600_000)
      const at = `${first.toISOString().slice(0, 10)} ${first.toISOString().slice(11, 16)}`
      const typed = {
        feature: 'online',
        [`area-${HERE}`]: 'on',
        steps: at,
        pct1: '100',
        budget: '20',
        tries_min: '3',
        window: '30',
        note: '先开青砖',
      }
      for (const [bad, words] of [
        [{ feature: '' }, /请选功能/],
        [{ steps: '昨天' }, /时间要在以后/],
        [{ pct1: '101' }, /时间要在以后/],
        [{ hours: '25:00' }, /前一个早于后一个/],
        [{ budget: 'x' }, /百分比0到100/],
      ] as const) {
        const answer = await manager.browser.submit(form, PATH, { ...typed, ...bad, act: 'preview' })
        assert.equal(answer.status, 422)
        assert.match(textOf(answer.text), words)
      }
      const preview = await manager.browser.submit(form, PATH, { ...typed, act: 'preview' })
      assert.match(textOf(preview.text), /这些社区的户号 6[\s\S]*6户（100%）/)
      const fields = hiddenFields(preview.text.slice(preview.text.indexOf('这些社区的户号')), PATH)
      assert.equal((await manager.browser.post(PATH, { ...fields, act: 'ask' })).location, `${PATH}?notice=asked`)
      const action = /action="(\/staff\/switchover\/[0-9a-f-]{36})"/.exec((await manager.browser.get(PATH)).text)![1]!
      assert.equal((await manager.browser.post(action, { csrf: manager.csrf, act: 'agree' })).status, 403, 'who asks does not agree')
      const approver = await signInAs(product, 'approver')
      assert.match(textOf((await approver.browser.get(PATH)).text), /同意后马上停：6户现在能用，到[^，]+之前只有0户能用/)
      assert.equal((await approver.browser.post(action, { csrf: approver.csrf, act: 'agree' })).location, `${PATH}?notice=agreed`)

      const resident = plainBrowser(product.url)
      const closed = await resident.get(`/b/${codes[0]}`)
      assert.match(textOf(closed.text), /这个社区现在不能用手机缴费 预计[^。]+开通。现在可以带账单到窗口缴/)
      assert.doesNotMatch(closed.text, /name="way"/)
      ahead_ms = 2 * 3_600_000 + 60_000
      // Nobody touched the desk for two hours.
      const later = await signInAs(product, 'manager')
      const open = await resident.get(`/b/${codes[0]}`)
      const begun = await resident.submit(open, `/b/${codes[0]}/pay`, { way: 'wechat' })
      assert.ok(begun.location?.startsWith(product.sandbox.wechat.url))

      await fetch(`${product.sandbox.wechat.url}/_control/faults`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ garbage: 1 }),
      })
      for (const code of codes.slice(1, 4)) {
        const other = plainBrowser(product.url)
        await other.submit(await other.get(`/b/${code}`), `/b/${code}/pay`, { way: 'wechat' })
      }
      await fetch(`${product.sandbox.wechat.url}/_control/faults`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ garbage: 0 }),
      })
      await until('the way back', async () => {
        await new Promise(resolve => setTimeout(resolve, 200))
        return /出错太多，已自动退回（3\/4）/.test(textOf((await later.browser.get(PATH)).text))
      })
      assert.match(textOf((await resident.get(`/b/${codes[5]}`)).text), /这个社区现在不能用手机缴费 现在可以带账单到窗口缴/)
      const done = await resident.get(await payInWallet(begun.location!))
      assert.match(textOf(done.text), /缴好了/)
      assert.match(textOf((await later.browser.get('/staff/console')).text), /分社区开通中的功能[\s\S]*有功能因出错太多退回了/)
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
      await context.addCookies([...later.browser.cookies].map(([name, value]) => ({ name, value, url: product.url })))
      const shown = await context.newPage()
      await shown.goto(product.url + PATH)
      assert.deepEqual(await axeOn(shown), [])
      await context.close()
      assert.deepEqual(await faultsInBooks(product), [])
    },
    { clock },
  )
})

test('who may see, ask, agree and take back, by role', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const from = `${addDays(dayOf(product.kernel.clock.now()), 2)} 09:00`
    const readers: Role[] = ['manager', 'approver', 'operator-audit']
    for (const role of roles) {
      const desk = role === 'biller' ? await signInAs(product, role, 'water') : await signInAs(product, role)
      assert.equal((await desk.browser.get(PATH)).status, readers.includes(role) ? 200 : 403, role)
      const form = {
        csrf: desk.csrf,
        feature: 'kiosk',
        steps: from,
        pct1: '5',
        budget: '2',
        tries_min: '50',
        window: '15',
        note: 'x',
        act: 'ask',
      }
      assert.equal((await desk.browser.post(PATH, form)).status, role === 'manager' ? 303 : 403, `${role} asks`)
      const { rows } = await queryIn(product.kernel, 'select id from billing.switch_plan')
      const one = `${PATH}/${rows[0]?.id ?? product.ctx.requestId}`
      const agreed = await desk.browser.post(one, { csrf: desk.csrf, act: 'agree' })
      if (!['approver', 'manager'].includes(role)) assert.equal(agreed.status, 403, `${role} agrees`)
      if (role !== 'manager')
        assert.equal((await desk.browser.post(one, { csrf: desk.csrf, act: 'back', 'back-note': 'x' })).status, 403, `${role} takes back`)
      const area = { csrf: desk.csrf, prefix: '青砖', area: HERE }
      assert.equal((await desk.browser.post(`${PATH}-areas`, area)).status, role === 'manager' ? 303 : 403, `${role} sets areas`)
    }
  }),
)
