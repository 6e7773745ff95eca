import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { queryIn } from '#kernel/db/testing.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import { roles } from '#modules/identity/index.ts'
import { axeOn } from '../../web/test/axe.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { signInAs } from '../abuse/support.ts'
import { hiddenFields } from '../support/form.ts'
import { withProduct } from '../support/product.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

test('a rule is seen before it is asked for, and holds once another person agrees; waivers likewise', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const today = dayOf(product.kernel.clock.now())
    const code = await product.issueBill(100_000, { dueOn: addDays(today, -30) })
    const manager = await signInAs(product, 'manager')
    const form = await manager.browser.get('/staff/rules')
    assert.match(textOf(form.text), /宽限15天，之后每天万分之5，最低0\.00元/)
    const ask = (fields: Record<string, string>) => manager.browser.submit(form, '/staff/rules', fields)
    const typed = {
      biller: 'water',
      valid_from: addDays(today, 1).replaceAll('-', '/'),
      grace: '15',
      rate: '１０',
      minimum: '',
      note: '合同更新',
    }
    for (const [bad, words] of [
      [{ biller: '' }, /请选收费单位/],
      [{ valid_from: today }, /请写明天以后/],
      [{ grace: '-1' }, /请写0到365/],
      [{ rate: '1e2' }, /请写0到100的数/],
    ] as const) {
      const answer = await ask({ ...typed, ...bad, act: 'preview' })
      assert.equal(answer.status, 422)
      assert.match(textOf(answer.text), words)
    }
    const preview = await ask({ ...typed, act: 'preview' })
    assert.match(textOf(preview.text), /违约金会变的账单 1张（没缴的共1张） 按现在的规则（元） 23\.00 按新规则（元） 38\.50/)
    const fields = hiddenFields(preview.text.slice(preview.text.indexOf('影响：到')), '/staff/rules')
    assert.equal((await manager.browser.post('/staff/rules', { ...fields, act: 'ask' })).location, '/staff/rules?notice=asked')
    const own = await manager.browser.get('/staff/rules')
    assert.match(textOf(own.text), /等第二人同意的规则[\s\S]*万分之10/)
    const action = /action="(\/staff\/rules\/[0-9a-f-]{36})"/.exec(own.text)![1]!
    assert.equal((await manager.browser.post(action, { csrf: manager.csrf, act: 'agree' })).status, 403, 'who asks does not agree')

    const approver = await signInAs(product, 'approver')
    assert.equal((await approver.browser.post(action, { csrf: approver.csrf, act: 'agree' })).location, '/staff/rules?notice=agreed')
    assert.equal(
      (await approver.browser.post(action, { csrf: approver.csrf, act: 'agree' })).location,
      '/staff/rules?notice=decided_before',
    )
    const { rows } = await queryIn(product.kernel, 'select id from billing.bill where code = $1', [code])
    const path = `/staff/bills/${rows[0].id}/waiver`
    assert.match((await manager.browser.get(`/staff/bills/${rows[0].id}`)).text, new RegExp(path))
    const waiver = await manager.browser.get(path)
    const wrong = await manager.browser.submit(waiver, path, { from: today, to: addDays(today, -1), reason: 'hardship' })
    assert.match(textOf(wrong.text), /请写结束的日期/)
    const asked = await manager.browser.submit(waiver, path, { from: addDays(today, -30), to: today, reason: 'hardship' })
    assert.equal(asked.location, '/staff/rules?notice=asked')
    const list = await approver.browser.get('/staff/rules')
    const agree = /action="(\/staff\/rules\/waivers\/[0-9a-f-]{36})"/.exec(list.text)![1]!
    const before = textOf((await approver.browser.get(`/staff/bills/${rows[0].id}`)).text)
    assert.match(before, /1,000\.00/)
    assert.equal((await approver.browser.post(agree, { csrf: approver.csrf, act: 'agree' })).location, '/staff/rules?notice=agreed')
    const { rows: quoted } = await queryIn(product.kernel, 'select count(*)::int as n from billing.waiver where is_agreed')
    assert.equal(quoted[0].n, 1)

    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    await context.addCookies([...manager.browser.cookies].map(([name, value]) => ({ name, value, url: product.url })))
    const page = await context.newPage()
    for (const address of ['/staff/rules', path]) {
      await page.goto(product.url + address)
      assert.deepEqual(await axeOn(page), [])
    }
    await context.close()
  }),
)

test('who may see and ask, and who may agree, by role', { timeout: 120_000 }, () =>
  withProduct(async product => {
    for (const role of roles) {
      const desk = await signInAs(product, role)
      const [asks, agrees] = [role === 'manager', role === 'approver']
      assert.equal((await desk.browser.get('/staff/rules')).status, asks || agrees ? 200 : 403, role)
      assert.equal((await desk.browser.post('/staff/rules', { csrf: desk.csrf, act: 'preview' })).status, asks ? 422 : 403, role)
      const none = '/staff/rules/01900000-0000-7000-8000-000000000000'
      assert.equal((await desk.browser.post(none, { csrf: desk.csrf, act: 'agree' })).status, agrees ? 404 : 403, role)
    }
  }),
)
