import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '#kernel/time.ts'
import { fromAddress, withMessages } from '../abuse/support.ts'
import { plainBrowser } from '../support/form.ts'
import { withProduct } from '../support/product.ts'

const MINUTE = 60_000

test('the page of the code says how many tries are left, what is over and how long to wait, in both languages', { timeout: 90_000 }, () => {
  const clock = manualClock(new Date())
  return withProduct(
    product =>
      withMessages(product, async inbox => {
        let n = 60_000
        const open = async (phone: string, lang: 'zh-CN' | 'en') => {
          const browser = plainBrowser(product.url, undefined, fromAddress(++n))
          browser.cookies.set('yimen_lang', lang)
          const asked = await browser.submit(await browser.get('/sign-in'), '/sign-in', { phone })
          assert.equal(asked.status, 200)
          const right = (await inbox.codes(phone)).at(-1)!
          const wrong = right === '000000' ? '000001' : '000000'
          const enter = (code: string) => browser.submit(asked, '/sign-in/code', { code })
          return { browser, asked, right, wrong, enter }
        }
        const zh = await open('13700000001', 'zh-CN')
        const en = await open('13700000002', 'en')
        for (const left of [4, 3, 2, 1]) {
          const said = (await zh.enter(zh.wrong)).text
          assert.ok(said.includes(`验证码不对，还可以试${left}次`), `${left}`)
          assert.ok(said.includes('137****0001') && !said.includes('过期'))
        }
        assert.match((await zh.enter(zh.wrong)).text, /用过了或试错太多次，请再发一次/)
        const wrong = (await en.enter(en.wrong)).text
        assert.match(wrong, /Wrong code; tries left: 4/)
        assert.match(wrong, /137\*\*\*\*0002/)

        // Sent again too soon: the same page, with the wait in words of the language.
        assert.match((await zh.browser.submit(zh.asked, '/sign-in/code', { resend: '1' })).text, /请1分钟后再试[\s\S]*137\*\*\*\*0001/)
        assert.match((await en.browser.submit(en.asked, '/sign-in/code', { resend: '1' })).text, /try again in 1 minute/)

        assert.equal((await en.enter(en.right)).status, 303)
        assert.match((await en.enter(en.right)).text, /used or tried too often/)

        clock.advance(MINUTE)
        const late = await open('13700000003', 'zh-CN')
        clock.advance(5 * MINUTE)
        const over = (await late.enter(late.right)).text
        assert.match(over, /验证码过期了，请再发一次/)
        assert.match(over, /137\*\*\*\*0003/)

        // A day's messages are used up: hours, not hundreds of minutes.
        for (let i = 0; i < 4; i++) {
          const again = plainBrowser(product.url, undefined, fromAddress(++n))
          await again.submit(await again.get('/sign-in'), '/sign-in', { phone: '13700000003' })
          clock.advance(MINUTE)
        }
        const many = plainBrowser(product.url, undefined, fromAddress(++n))
        many.cookies.set('yimen_lang', 'en')
        const refused = await many.submit(await many.get('/sign-in'), '/sign-in', { phone: '13700000003' })
        assert.match(refused.text, /Too many codes; try again in 24 hours/)
      }),
    { clock },
  )
})
