import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { queryIn } from '#kernel/db/testing.ts'
import { unwrap } from '#kernel/result.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import { importPast } from '#modules/billing/index.ts'
import { type Role, roles } from '#modules/identity/index.ts'
import { fileOf, paymentsMapping, type Row } from '../../src/modules/billing/test/past-support.ts'
import { axeOn } from '../../web/test/axe.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { pay, signedIn, signInAs, withMessages } from '../abuse/support.ts'
import { type Product, withProduct } from '../support/product.ts'
import { upload } from '../support/upload.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const PATH = '/staff/shadow-files'
const ACCOUNT = '1045333141'
const complaints = async (page: Page) => (await axeOn(page)).map(text => `${page.url()} ${text}`)

const describe = ({ kernel }: Product) =>
  queryIn(kernel, `update billing.biller set config = jsonb_set(config, '{mappings,payments}', $1::jsonb) where id = 'water'`, [
    JSON.stringify(paymentsMapping),
  ])

/** Something paid here on the day before, with its bill. */
async function paidYesterday(product: Product, fen: number): Promise<{ id: string; no: string }> {
  const { bill } = await pay(product, fen)
  const { rows } = await queryIn(product.kernel, 'select id, bill_no as no from billing.bill where code = $1', [bill])
  await queryIn(product.kernel, `update billing.posting set paid_at = paid_at - interval '1 day' where bill_id = $1`, [rows[0].id])
  return rows[0]
}

test(
  'a manager brings the old system’s day: refused with its faults, then compared; a missing bill is two presses from the file',
  {
    timeout: 120_000,
  },
  () =>
    withProduct(async product => {
      const manager = await signInAs(product, 'manager')
      const bare = await manager.browser.get('/staff/shadow')
      assert.match(bare.text, /还没有登记原系统文件的格式/)
      await describe(product)
      const day = addDays(dayOf(product.kernel.clock.now()), -1)
      const [same, ours] = [await paidYesterday(product, 5_000), await paidYesterday(product, 6_000)]
      const agreed: Row = { no: 'L1', account: ACCOUNT, bill: same.no, fen: 5_000 }

      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'zh-CN', reducedMotion: 'reduce' })
      await context.addCookies([...manager.browser.cookies].map(([name, value]) => ({ name, value, url: product.url })))
      const page = await context.newPage()
      page.setDefaultTimeout(10_000)
      let presses = 0
      const bring = async (buffer: Buffer) => {
        await page.setInputFiles('input[type=file]', { name: 'day.csv', mimeType: 'text/csv', buffer })
        presses++
        await page.getByRole('button', { name: '核对' }).click()
        await page.waitForLoadState()
      }
      await page.goto(`${product.url}/staff/shadow`)
      assert.match((await page.textContent('main'))!, /还没有核对过/)
      assert.equal(await page.inputValue('input[name=day]'), day)
      assert.ok(await page.isChecked('input[name=biller]'), 'the only biller is chosen')
      await bring(fileOf([agreed, { no: 'L2', account: '1045333142' }, { no: 'L3', account: ACCOUNT, on: addDays(day, -3) }], day))
      const refused = (await page.textContent('main'))!
      assert.match(refused, /文件有2处错误，整份没有采用/)
      assert.match(refused, /第3行[\s\S]*1045333142[\s\S]*第4行/)
      assert.deepEqual(await complaints(page), [])

      presses = 0
      await bring(fileOf([agreed], day))
      await page.waitForURL(new RegExp(`/staff/shadow/water/${day}\\?notice=compared$`))
      assert.match((await page.textContent('main'))!, /已核对[\s\S]*1处差异[\s\S]*仅本系统有[\s\S]*60\.00/)
      assert.deepEqual(await complaints(page), [])
      presses++
      await page.getByRole('link', { name: ours.no }).click()
      await page.waitForURL(`${product.url}/staff/bills/${ours.id}`)
      assert.equal(presses, 2)

      await page.goto(`${product.url}/staff/shadow`)
      assert.match((await page.textContent('main'))!, /有差异，从零数起/)
      await bring(fileOf([agreed, { no: 'L2', account: ACCOUNT, bill: ours.no, fen: 6_000 }], day))
      assert.match((await page.textContent('main'))!, /这一天两边完全一样/)
      await page.goto(`${product.url}/staff/shadow`)
      assert.match((await page.textContent('main'))!, /连续无差异\s*1天/)
      assert.deepEqual(await complaints(page), [])
      await page.setViewportSize({ width: 320, height: 700 })
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 320)
      await context.close()
      assert.equal((await queryIn(product.kernel, `select count(*)::int as n from billing.shadow_row`)).rows[0].n, 2)
    }),
)

test('who may see and bring days of the old system, by role', { timeout: 120_000 }, () =>
  withProduct(async product => {
    await describe(product)
    const day = addDays(dayOf(product.kernel.clock.now()), -1)
    const manager = await signInAs(product, 'manager')
    const bytes = fileOf([{ no: 'L1', account: ACCOUNT }], day)
    const brought = await upload(product, manager, PATH, { biller: 'water', day }, { name: 'a.csv', bytes })
    assert.equal(brought.location, `/staff/shadow/water/${day}?notice=compared`)
    assert.match((await upload(product, manager, PATH, { biller: 'water', day }, { name: 'a.csv', bytes })).location!, /unchanged/)
    for (const wrong of [dayOf(product.kernel.clock.now()), 'x', '2026-02-30'])
      assert.match((await upload(product, manager, PATH, { biller: 'water', day: wrong }, { name: 'a.csv', bytes })).text, /已经过去的一天/)
    assert.match((await upload(product, manager, PATH, { biller: 'none', day }, { name: 'a.csv', bytes })).text, /请选收费单位/)
    const { rows } = await queryIn(product.kernel, 'select id from billing.bill where code = $1', [await product.issueBill()])
    const readers: Role[] = ['manager', 'operator-audit']
    const clerks: Role[] = ['clerk', 'approver', 'manager', 'biller']
    for (const role of roles) {
      const desk = await signInAs(product, role)
      for (const path of ['/staff/shadow', `/staff/shadow/water/${day}`])
        assert.equal((await desk.browser.get(path)).status, readers.includes(role) ? 200 : 403, `${role} ${path}`)
      assert.equal((await upload(product, desk, PATH, {})).status, role === 'manager' ? 422 : 403, `${role} brings`)
      const past = await desk.browser.get(`/staff/bills/${rows[0].id}/past`)
      assert.equal(past.status, clerks.includes(role) ? 200 : 403, `${role} past`)
    }
    for (const path of ['/staff/shadow/water/2020-01-01', `/staff/shadow/none/${day}`, '/staff/shadow/water/x', '/staff/bills/x/past'])
      assert.equal((await manager.browser.get(path)).status, 404, path)
  }),
)

test(
  'a resident finds what was paid before this system with the account; nobody else does, and the desk says it is not booked here',
  {
    timeout: 120_000,
  },
  () =>
    withProduct(product =>
      withMessages(product, async inbox => {
        const bill = await product.issueBill()
        const { rows } = await queryIn(
          product.kernel,
          'update billing.account a set account_no = $1 from billing.bill b where b.code = $2 and a.id = b.account_id returning a.id, b.id as bill',
          [ACCOUNT, bill],
        )
        const payments = Array.from(
          { length: 26 },
          (_, i): Row => ({ no: `L${100 + i}`, on: `2025-10-${i + 1}`.replace(/-(\d)$/, '-0$1'), account: ACCOUNT, fen: 1_000 + i }),
        )
        const file = { billerId: 'water', fileName: 'past.csv', bytes: fileOf(payments), mapping: paymentsMapping }
        assert.equal(unwrap(await importPast(product.ctx, file)).outcome, 'imported')
        const keep = async (who: Awaited<ReturnType<typeof signedIn>>, relation: string) =>
          who.submit(await who.get('/mine/households/new'), '/mine/households', {
            biller: 'water',
            account: ACCOUNT,
            relation,
            nickname: '',
          })
        const path = `/mine/households/${rows[0].id}`
        const owner = await signedIn(product, inbox, '13800001111')
        assert.equal((await owner.get(`${path}/past`)).status, 404)
        await keep(owner, 'owner')
        assert.ok((await owner.get(path)).text.includes(`href="${path}/past"`))
        const first = await owner.get(`${path}/past`)
        assert.match(first.text, /2025年10月26日[\s\S]*10\.25[\s\S]*L125/)
        assert.ok(!first.text.includes(ACCOUNT), 'the number stays masked')
        assert.match((await owner.get(`${path}/past?page=2`)).text, /L100/)
        assert.equal((await owner.get(`${path}/past?page=x`)).status, 200)

        const helper = await signedIn(product, inbox, '13900002222')
        await keep(helper, 'helper')
        assert.ok(!(await helper.get(path)).text.includes('/past'))
        assert.equal((await helper.get(`${path}/past`)).status, 404)

        const clerk = await signInAs(product, 'clerk')
        const desk = await clerk.browser.get(`/staff/bills/${rows[0].bill}`)
        assert.match(desk.text, /以前的缴费[\s\S]*未在本系统入账[\s\S]*L125[\s\S]*全部26笔/)
        assert.match((await clerk.browser.get(`/staff/bills/${rows[0].bill}/past?page=2`)).text, /L100/)
      }),
    ),
)
