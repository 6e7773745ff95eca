import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { AxeBuilder } from '@axe-core/playwright'
import jsqr from 'jsqr'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { renderReceiptPdf } from '#web/resident/receipt-pdf.ts'
import type { ElderSize } from '#web/ui/page.tsx'
import { qrModules } from '#web/ui/parts.tsx'
import { context, openBrowser, type Site, serve } from './browser.ts'
import { receiptSample } from './sample-views.ts'
import { samples } from './samples.tsx'

const langs = ['zh-CN', 'en'] as const
const sizes: readonly (ElderSize | undefined)[] = [undefined, 'large', 'elder', 'max']
const residents = samples.filter(s => s.surface === undefined)
const tabsMax = 4

let browser: Browser
let site: Site

before(async () => {
  const pages = new Map<string, () => string>()
  for (const s of samples)
    for (const lang of langs)
      for (const size of sizes) {
        const path = `/${s.name}/${lang}/${size ?? 'standard'}`
        pages.set(path, () => s.render(context(lang, size, { path })))
      }
  pages.set('/o/1/state', () => '{"href":"/done/zh-CN/standard"}')
  pages.set('/o/1', () => '<!doctype html><title>after</title>')
  site = await serve(pages)
  browser = await openBrowser()
})
after(async () => {
  await browser?.close()
  await site?.close()
})

const phone = { viewport: { width: 360, height: 740 }, reducedMotion: 'reduce' } as const

/** Runs a check on every address, a few tabs at a time, and returns all complaints. */
async function visit(
  paths: readonly string[],
  ctx: BrowserContext,
  check: (tab: Page, path: string) => Promise<string[]>,
): Promise<string[]> {
  const queue = [...paths]
  const complaints: string[] = []
  // The waiting pages would walk away while they are looked at.
  await ctx.route('**/state', route => route.fulfill({ json: {} }))
  const worker = async () => {
    const tab = await ctx.newPage()
    tab.on('console', line => {
      if (line.type() === 'error') complaints.push(`${tab.url()}: ${line.text()}`)
    })
    for (let path = queue.shift(); path; path = queue.shift()) {
      await tab.goto(site.url + path)
      for (const text of await check(tab, path)) complaints.push(`${path}: ${text}`)
    }
    await tab.close()
  }
  await Promise.all(Array.from({ length: tabsMax }, worker))
  await ctx.close()
  return complaints
}

const addresses = (list: typeof samples, sizesOf: readonly (ElderSize | undefined)[]) =>
  list.flatMap(s => langs.flatMap(lang => sizesOf.map(size => `/${s.name}/${lang}/${size ?? 'standard'}`)))

test('axe finds nothing on any page, in both languages, standard and elder', async () => {
  const axe = async (tab: Page, path: string) => {
    const builder = new AxeBuilder({ page: tab }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    // The gallery shows each landmark once per size on purpose.
    if (path.startsWith('/gallery')) builder.disableRules('landmark-unique')
    const { violations } = await builder.analyze()
    return violations.map(v => `${v.id} ${v.nodes.map(n => n.html.slice(0, 120)).join(' | ')}`)
  }
  const atDesk = samples.filter(s => s.surface !== undefined)
  const desk = { viewport: { width: 1280, height: 800 } }
  assert.deepEqual(await visit(addresses(residents, [undefined, 'elder']), await browser.newContext(phone), axe), [])
  assert.deepEqual(await visit(addresses(atDesk, [undefined]), await browser.newContext(desk), axe), [])
})

test('no resident page scrolls sideways at 320 px in any of the four sizes', async () => {
  // English is longest in the largest size; the smaller three add nothing there.
  const paths = addresses(residents, sizes).filter(path => path.includes('/zh-CN/') || path.endsWith('/max'))
  const narrow = await browser.newContext({ viewport: { width: 320, height: 640 } })
  const complaints = await visit(paths, narrow, async tab => {
    const wide = await tab.evaluate(() => {
      const all = [...document.querySelectorAll<HTMLElement>('body *')]
      const over = all.filter(e => e.getBoundingClientRect().right > 320.5 && getComputedStyle(e).position !== 'absolute')
      return { width: document.documentElement.scrollWidth, what: over.slice(0, 2).map(e => e.outerHTML.slice(0, 90)) }
    })
    return wide.width > 320 ? [`${wide.width} px ${wide.what.join(' | ')}`] : []
  })
  assert.deepEqual(complaints, [])
})

/** Controls smaller than the least side, or nearer than 8 px to another; hidden ones and the skip link aside. */
const smallTargets = (least: number) => {
  const boxes = [...document.querySelectorAll<HTMLElement>('a, button, summary, .choice, input:not([type=hidden], [type=radio]), textarea')]
    .filter(e => !e.closest('.skip') && e.getClientRects().length > 0)
    .map(e => ({ e, r: e.getBoundingClientRect() }))
  const small = boxes.filter(({ r }) => r.height < least - 0.5 || r.width < least - 0.5)
  return small.map(({ e, r }) => `${Math.round(r.width)}×${Math.round(r.height)} ${e.outerHTML.slice(0, 90)}`)
}

test('everything to press is at least 44 px, in elder mode at least 60 px', async () => {
  for (const [size, least] of [
    [undefined, 44],
    ['elder', 60],
  ] as const) {
    const complaints = await visit(addresses(residents, [size]), await browser.newContext(phone), tab => tab.evaluate(smallTargets, least))
    assert.deepEqual(complaints, [], size)
  }
})

test('body text is 16, 20, 24 and 30 px', async () => {
  for (const [size, px] of [
    [undefined, 16],
    ['large', 20],
    ['elder', 24],
    ['max', 30],
  ] as const) {
    const tab = await browser.newPage(phone)
    await tab.goto(`${site.url}/bill/zh-CN/${size ?? 'standard'}`)
    assert.equal(await tab.evaluate(() => getComputedStyle(document.body).fontSize), `${px}px`)
    await tab.close()
  }
})

test('with scripts off the bill is paid by its form: way, quote, key and token are posted', async () => {
  const ctx = await browser.newContext({ ...phone, javaScriptEnabled: false })
  const tab = await ctx.newPage()
  await tab.goto(`${site.url}/bill/zh-CN/standard`)
  await tab.locator('input[value=alipay]').check()
  const [request] = await Promise.all([tab.waitForRequest(r => r.method() === 'POST'), tab.locator('.paybar button').click()])
  const sent = Object.fromEntries(new URLSearchParams(request.postData() ?? ''))
  assert.equal(new URL(request.url()).pathname, '/b/7m3kq2x9d4/pay')
  assert.deepEqual(sent, {
    csrf: 'csrf-sample',
    idempotency_key: '0192f3a4-0000-7000-8000-000000000001',
    quote: 'q1.sample',
    way: 'alipay',
  })
  await ctx.close()
})

test('the keyboard reaches the skip link first and then the content', async () => {
  const tab = await browser.newPage(phone)
  await tab.goto(`${site.url}/bill/zh-CN/standard`)
  await tab.keyboard.press('Tab')
  assert.equal(await tab.evaluate(() => document.activeElement?.className), 'skip')
  await tab.keyboard.press('Enter')
  assert.equal(await tab.evaluate(() => document.activeElement?.id), 'main')
  await tab.close()
})

test('an error summary has the focus when the page opens and leads to its field', async () => {
  const tab = await browser.newPage(phone)
  await tab.goto(`${site.url}/account-error/zh-CN/standard`)
  assert.equal(await tab.evaluate(() => document.activeElement?.className), 'errors')
  await tab.locator('.errors a').click()
  assert.equal(await tab.evaluate(() => document.activeElement?.id), 'account')
  await tab.close()
})

test('the waiting page goes to the receipt by itself', async () => {
  const tab = await browser.newPage(phone)
  await tab.goto(`${site.url}/waiting/zh-CN/standard`)
  await tab.waitForURL('**/done/zh-CN/standard')
  await tab.close()
})

test('the time left to undo counts down from what the server said', async () => {
  const tab = await browser.newPage(phone)
  await tab.goto(`${site.url}/done/zh-CN/standard`)
  assert.equal(await tab.locator('[data-left]').textContent(), '9分42秒')
  await tab.waitForFunction(() => document.querySelector('[data-left]')?.textContent === '9分40秒')
  await tab.close()
})

test('inside WeChat the bridge gets the signed parameters, and its word alone proves nothing', async () => {
  const tab = await browser.newPage(phone)
  await tab.addInitScript(() => {
    Object.assign(window, {
      WeixinJSBridge: {
        invoke: (method: string, params: { package: string }, done: (a: { err_msg: string }) => void) => {
          sessionStorage.setItem('asked', `${method} ${params.package}`)
          done({ err_msg: 'get_brand_wcpay_request:ok' })
        },
      },
    })
  })
  await tab.goto(`${site.url}/jsapi/zh-CN/standard`)
  await tab.waitForURL('**/o/1')
  assert.equal(await tab.evaluate(() => sessionStorage.getItem('asked')), 'getBrandWCPayRequest prepay_id=wx1')
  await tab.close()
})

test('the code of a receipt decodes at the size a 203 dpi slip printer gives it', async () => {
  const { size, path } = qrModules(receiptSample('zh-CN').verifyUrl)
  const side = Math.round((35 / 25.4) * 203)
  const tab = await browser.newPage()
  const pixels = await tab.evaluate(
    async ({ size, path, side }) => {
      const image = new Image()
      image.src = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}" viewBox="0 0 ${size} ${size}"><path fill="#fff" d="M0 0h${size}v${size}H0z"/><path d="${path}"/></svg>`)}`
      await image.decode()
      const canvas = new OffscreenCanvas(side, side)
      const pen = canvas.getContext('2d')!
      pen.drawImage(image, 0, 0)
      // A thermal printer knows black and white only.
      return [...pen.getImageData(0, 0, side, side).data].map(v => (v < 128 ? 0 : 255))
    },
    { size, path, side },
  )
  await tab.close()
  const decode = typeof jsqr === 'function' ? jsqr : (jsqr as { default: typeof import('jsqr').default }).default
  assert.equal(decode(Uint8ClampedArray.from(pixels), side, side)?.data, receiptSample('zh-CN').verifyUrl)
})

test('a printed slip is 80 mm wide on one page, a receipt on A4 too', async () => {
  const tab = await browser.newPage()
  for (const [paper, widthPt] of [
    ['80mm', 226.8],
    ['a4', 595.3],
  ] as const) {
    await tab.goto(`${site.url}/print-${paper}/zh-CN/standard`)
    const pdf = (await tab.pdf({ preferCSSPageSize: true })).toString('latin1')
    const boxes = [...pdf.matchAll(/\/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]/g)]
    assert.equal(boxes.length, 1, `${paper}: pages`)
    assert.ok(Math.abs(Number(boxes[0]![1]) - widthPt) < 2, `${paper}: ${boxes[0]![1]} pt`)
  }
  await tab.close()
})

test('the PDF receipt carries its fonts and every number of the receipt', async () => {
  for (const lang of langs) {
    const pdf = await renderReceiptPdf({
      lang,
      tenantName: '梧桐里街道',
      receipt: receiptSample(lang),
      verifyCode: '8k2m-4q7x-9d3r-t5w1',
      verifyAt: 'wutongli.example/verify',
      printedAt: new Date('2026-11-19T03:00:00Z'),
    })
    const text = pdf.toString('latin1')
    assert.match(text, /^%PDF-/)
    assert.equal(text.match(/\/FontFile[23] /g)?.length, 2, 'hanzi and Latin fonts are inside')
    assert.ok(pdf.length < 100_000, `${pdf.length} bytes`)
  }
})
