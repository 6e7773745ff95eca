import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryIn } from '#kernel/db/testing.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import { faultsInBooks, payInWallet, signInAs } from '../abuse/support.ts'
import { plainBrowser } from '../support/form.ts'
import { type Product, withProduct } from '../support/product.ts'

const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

const letParts = (product: Product, rule: Record<string, unknown>) =>
  queryIn(product.kernel, `update billing.biller set config = jsonb_set(config, '{late_fee}', config -> 'late_fee' || $1::jsonb)`, [
    JSON.stringify(rule),
  ])

test('a bill paid in two parts: what it pays is said before, what is left after, then it is paid', { timeout: 120_000 }, () =>
  withProduct(async product => {
    await letParts(product, { grace_days: 0, rate_per_day_e6: 1_000, part_min_fen: 2_000 })
    const code = await product.issueBill(10_000, { dueOn: addDays(dayOf(product.kernel.clock.now()), -10) })
    const browser = plainBrowser(product.url)
    const bill = await browser.get(`/b/${code}`)
    assert.match(textOf(bill.text), /只缴一部分[\s\S]*最少20\.00元，最多100\.99元/)
    for (const typed of ['19.99', '101.00', 'x', '']) {
      const wrong = await browser.get(`/b/${code}?part=${typed}`)
      if (typed) assert.match(textOf(wrong.text), /请写20\.00到100\.99元之间的数，最多两位小数。没有扣款/)
    }
    const part = await browser.get(`/b/${code}?part=40`)
    assert.match(textOf(part.text), /这次只缴40\.00元 1\.00元抵违约金，39\.00元抵账单，之后还剩61\.00元没缴/)
    const paying = await browser.submit(part, `/b/${code}/pay?part=40`, { way: 'wechat' })
    const done = await browser.get(await payInWallet(paying.location!))
    assert.match(textOf(done.text), /这张账单还剩61\.00元没缴[\s\S]*类别 部分缴费/)

    const rest = await browser.get(`/b/${code}`)
    assert.match(textOf(rest.text), /以前已缴39\.00元，这是剩下的/)
    const shown = await browser.submit(rest, `/b/${code}/pay`, { way: 'wechat' })
    const last = await browser.get(await payInWallet(shown.location!))
    assert.match(textOf(last.text), /61\.00[\s\S]*类别 部分缴费/)
    assert.doesNotMatch(textOf(last.text), /元没缴/)
    assert.match(textOf((await browser.get(`/b/${code}`)).text), /缴过/)
    assert.deepEqual(await faultsInBooks(product), [])
  }),
)

test('paid early a bill costs less, and its receipt says so', { timeout: 120_000 }, () =>
  withProduct(async product => {
    await letParts(product, { rebate_days: 5, rebate_e6: 20_000 })
    const code = await product.issueBill(10_000, { dueOn: addDays(dayOf(product.kernel.clock.now()), 5) })
    const browser = plainBrowser(product.url)
    const bill = await browser.get(`/b/${code}`)
    assert.match(textOf(bill.text), /98\.00[\s\S]*提前缴清，少收2\.00元/)
    const paying = await browser.submit(bill, `/b/${code}/pay`, { way: 'wechat' })
    const done = await browser.get(await payInWallet(paying.location!))
    assert.match(textOf(done.text), /98\.00[\s\S]*提前缴清优惠 −2\.00/)
  }),
)

test('a part in cash at the window: typed, taken, the rest stays due', { timeout: 120_000 }, () =>
  withProduct(async product => {
    await letParts(product, { part_min_fen: 2_000 })
    const code = await product.issueBill(10_000)
    const { rows } = await queryIn(product.kernel, 'select id from billing.bill where code = $1', [code])
    const clerk = await signInAs(product, 'clerk')
    const desk = await clerk.browser.get('/staff/cash')
    await clerk.browser.submit(desk, '/staff/cash/open', { drawer: 'A1' })
    const path = `/staff/cash/bills/${rows[0].id}`
    assert.match(textOf((await clerk.browser.get(path)).text), /只缴一部分/)
    assert.match(textOf((await clerk.browser.get(`${path}?part=1`)).text), /请写20\.00到99\.99元之间的数/)
    const part = await clerk.browser.get(`${path}?part=30`)
    const little = await clerk.browser.submit(part, `${path}?part=30`, { tendered: '20' })
    assert.match(textOf(little.text), /这次只缴30\.00元/)
    const taken = await clerk.browser.submit(little, `${path}?part=30`, { tendered: '50' })
    assert.match(textOf((await clerk.browser.get(taken.location!)).text), /找零 ¥ 20\.00 [^ ]*50\.00[^ ]*30\.00/)
    assert.match(textOf((await clerk.browser.get(path)).text), /70\.00/)

    // The next part by card: the amount goes along, and what is shown is what the terminal is to take.
    const next = await clerk.browser.get(`${path}?part=25`)
    assert.ok(next.text.includes(`href="${path}/card?part=25"`))
    const card = await clerk.browser.get(`${path}/card?part=25`)
    assert.match(textOf(card.text), /25\.00/)
    const slip = { terminal: 'T1234567', reference: '12', last4: '6217' }
    const wrong = await clerk.browser.submit(card, `${path}/card?part=25`, slip)
    assert.match(textOf(wrong.text), /参考号是12位数字[\s\S]*25\.00/)
    const done = await clerk.browser.submit(wrong, `${path}/card?part=25`, { ...slip, reference: '000000000001' })
    assert.match(textOf((await clerk.browser.get(done.location!)).text), /25\.00/)
    assert.match(textOf((await clerk.browser.get(`${path}/card`)).text), /45\.00/)
    const tooMuch = await clerk.browser.get(`${path}/card?part=46`)
    assert.equal(tooMuch.location, `${path}?part=46`)
    assert.deepEqual(await faultsInBooks(product), [])
  }),
)
