import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryIn } from '#kernel/db/testing.ts'
import { runPrepaid } from '#modules/billing/index.ts'
import { faultsInBooks, payInWallet, signInAs, until } from '../abuse/support.ts'
import { plainBrowser } from '../support/form.ts'
import { withProduct } from '../support/product.ts'

const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

test('money paid in advance: chosen, paid, receipted, then a bill is paid from it and taken back to it', { timeout: 120_000 }, () =>
  withProduct(async product => {
    await queryIn(
      product.kernel,
      `update billing.biller set config = jsonb_set(config, '{late_fee}', config -> 'late_fee' || '{"prepay_max_fen": 30000}'::jsonb)`,
      [],
    )
    await product.issueBill(9_000)
    const { rows } = await queryIn(product.kernel, `update billing.account set account_no = '1045333141' returning id, account_no`)
    const [account] = rows as { id: string; account_no: string }[]
    const path = `/mine/prepaid/${account!.id}`
    const me = plainBrowser(product.url)
    assert.equal((await me.get(path)).status, 404, 'whoever does not keep the account sees nothing')
    const form = await me.get('/mine/households/new')
    await me.submit(form, '/mine/households', { biller: 'water', account: account!.account_no, relation: 'owner' })
    const home = await me.get(`/mine/households/${account!.id}`)
    assert.match(home.text, new RegExp(`href="${path}"`))
    const page = await me.get(path)
    assert.match(textOf(page.text), /现在存着 ¥ 0\.00[\s\S]*最少10\.00元，最多300\.00元[\s\S]*还没有存过/)
    for (const other of ['9.99', '300.01', 'x', '']) {
      const wrong = await me.submit(page, path, { other, way: 'wechat' })
      assert.equal(wrong.status, 422)
      assert.match(textOf(wrong.text), /10\.00到300\.00元之间的数。没有扣款/)
    }
    const paying = await me.submit(page, path, { amount: '20000', way: 'wechat' })
    const done = await me.get(await payInWallet(paying.location!))
    assert.match(textOf(done.text), /付好了 已存好，新账单来了自动缴 水费，预存 ¥ 200\.00 收据号 YM-\d{8}-000001/)
    await runPrepaid(product.kernel, 1)
    const after = await me.get(path)
    assert.match(textOf(after.text), /¥ 110\.00[\s\S]*−90\.00 缴水费[\s\S]*\+200\.00 存入/)
    const bill = /href="(\/o\/[^"]+)">−/.exec(after.text)![1]!
    const paid = await me.get(bill)
    assert.match(textOf(paid.text), /90\.00[\s\S]*付款 预存款/)
    // It came in once: 200 yuan today, whatever was paid from it; the biller had 90.
    const manager = await signInAs(product, 'manager')
    const today = textOf((await manager.browser.get('/staff/console')).text)
    assert.match(today, /收缴 ¥200\.00/)
    assert.match(today, /按收费单位[\s\S]*自来水公司（示例） 100% 1 90\.00/)
    const undone = await me.submit(paid, `${bill}/undo`, {})
    assert.equal(undone.status, 303)
    await until('the money', async () => /¥ 200\.00/.test(textOf((await me.get(path)).text)))
    assert.deepEqual(await faultsInBooks(product), [])
  }),
)
