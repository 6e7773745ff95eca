import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import jsqr from 'jsqr'
import type { Browser, Page } from 'playwright-core'
import { renderReceiptPdf } from '#web/resident/receipt-pdf.ts'
import { receiptPrintPage } from '#web/resident/receipt-print.tsx'
import { axeOn } from './axe.ts'
import { context, type Site, save } from './browser.ts'
import { receiptSample } from './sample-views.ts'
import { addresses, langs, openSampled, phone, residents, type Sampled, sizes } from './sampled.ts'
import { samples } from './samples.tsx'

/** As long as the product makes it: our address, the entry's id and its leaf hash; and with the longest host there is room for. */
const codes = ['https://wutongli.example', `https://${'wutongli-community-service.'.repeat(4)}example`].map(
  host => `${host}/verify?c=0192f3a4-5b6c-7d8e-9f01-23456789abcd.${'aZ3-_kQ9'.repeat(5)}x7Q`,
)

/** Address of a receipt to print -> the text of its code. */
const printed = new Map<string, string>()

let sampled: Sampled
let browser: Browser
let site: Site

before(async () => {
  const pages = new Map<string, () => string>()
  for (const i of codes.keys())
    pages.set(`/receipt-${i}`, () =>
      receiptPrintPage(
        context('zh-CN', undefined),
        {
          receipt: { ...receiptSample('zh-CN'), verifyUrl: printed.get(`/receipt-${i}`)! },
          verifyCode: '8k2m-4q7x-9d3r-t5w1',
          verifyAt: 'wutongli.example/verify',
          printedAt: new Date('2026-11-19T03:00:00Z'),
          backHref: '/',
        },
        '80mm',
      ),
    )
  pages.set('/o/1/state', () => '{"href":"/done/zh-CN/standard"}')
  pages.set('/o/1', () => '<!doctype html><title>after</title>')
  sampled = await openSampled(pages)
  browser = sampled.browser
  site = sampled.site
})
after(() => sampled?.close())

test('axe finds nothing on any page, in both languages, standard and elder', async () => {
  // The gallery shows each landmark once per size on purpose.
  const axe = (tab: Page, path: string) => axeOn(tab, path.startsWith('/gallery') ? ['landmark-unique'] : [])
  const atDesk = samples.filter(s => s.surface !== undefined && s.surface !== 'kiosk')
  const desk = { viewport: { width: 1280, height: 800 } }
  // Pairwise in the gate: each page in both languages and both sizes, in two of the four combinations; all of them by YIMEN_FULL.
  const all = addresses(residents, [undefined, 'elder'])
  const of = all.length / residents.length
  const some = process.env.YIMEN_FULL ? all : all.filter((_, i) => [0, of - 1].includes(i % of) === (Math.floor(i / of) % 2 === 0))
  assert.deepEqual(await sampled.visit(some, await browser.newContext(phone), axe), [])
  assert.deepEqual(await sampled.visit(addresses(atDesk, [undefined]), await browser.newContext(desk), axe), [])
})

test('no resident page scrolls sideways at 320 px in any of the four sizes', async () => {
  // English is longest in the largest size; the smaller three add nothing there.
  const paths = addresses(residents, sizes).filter(path => path.includes('/zh-CN/') || path.endsWith('/max'))
  const narrow = await browser.newContext({ viewport: { width: 320, height: 640 } })
  const complaints = await sampled.visit(paths, narrow, async tab => {
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
  const boxes = [
    ...document.querySelectorAll<HTMLElement>(
      'a, button, summary, .choice, input:not([type=hidden], [type=radio], [type=checkbox]), textarea',
    ),
  ]
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
    const complaints = await sampled.visit(addresses(residents, [size]), await browser.newContext(phone), tab =>
      tab.evaluate(smallTargets, least),
    )
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
  // The browser moves the focus a moment after the page has loaded.
  await tab.locator('.errors:focus').waitFor()
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

test('a stream of events leads there without asking', async () => {
  const tab = await browser.newPage(phone)
  let asked = 0
  await tab.route('**/o/1/state', route => {
    asked++
    return route.fulfill({ json: {} })
  })
  const body = ':\n\ndata: {"href":"/done/zh-CN/standard"}\n\n'
  await tab.route('**/o/1/live', route => route.fulfill({ contentType: 'text/event-stream', body }))
  await tab.goto(`${site.url}/waiting/zh-CN/standard`)
  await tab.waitForURL('**/done/zh-CN/standard')
  assert.equal(asked, 0)
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

/** What a thermal printer and a telephone make of a page: black or white dots, a slant, a soft focus, noise. */
async function photograph(tab: Page, png: Buffer, how: { slant_deg: number; sigma_px: number; noise: number }) {
  return tab.evaluate(
    async ({ bytes, slant_deg, sigma_px, noise }) => {
      const image = await createImageBitmap(new Blob([Uint8Array.fromBase64(bytes)]))
      const { width, height } = image
      const draw = (source: CanvasImageSource, filter: string, turn: number) => {
        const canvas = new OffscreenCanvas(width + 80, height + 80)
        const pen = canvas.getContext('2d')!
        pen.fillStyle = '#fff'
        pen.fillRect(0, 0, canvas.width, canvas.height)
        pen.translate(canvas.width / 2, canvas.height / 2)
        pen.rotate((turn * Math.PI) / 180)
        pen.filter = filter
        pen.drawImage(source, -(source as OffscreenCanvas).width / 2, -(source as OffscreenCanvas).height / 2)
        return { canvas, data: pen.getImageData(0, 0, canvas.width, canvas.height) }
      }
      const dots = draw(image, 'none', 0)
      for (let at = 0; at < dots.data.data.length; at += 4) dots.data.data.fill(dots.data.data[at + 1]! < 128 ? 0 : 255, at, at + 3)
      dots.canvas.getContext('2d')!.putImageData(dots.data, 0, 0)
      const seen = draw(dots.canvas, `blur(${sigma_px}px)`, slant_deg)
      let seed = 7
      for (let at = 0; at < seen.data.data.length; at += 4) {
        seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
        const value = 30 + seen.data.data[at]! * 0.8 + (seed / 2 ** 32 - 0.5) * 2 * noise
        seen.data.data.fill(value, at, at + 3)
      }
      // One byte a dot, as text: a list of numbers takes seconds on its way.
      let grey = ''
      for (let at = 0; at < seen.data.data.length; at += 4) grey += String.fromCharCode(seen.data.data[at]!)
      return { grey, width: seen.canvas.width, height: seen.canvas.height }
    },
    { bytes: png.toString('base64'), ...how },
  )
}

const AROUND_PX = 60

test('the code on a real printed receipt decodes from a blurred, slanted and noisy picture of it at 203 dpi', async () => {
  const decode = typeof jsqr === 'function' ? jsqr : (jsqr as { default: typeof import('jsqr').default }).default
  const printer = await browser.newContext({ viewport: { width: 303, height: 760 }, deviceScaleFactor: 203 / 96 })
  const tab = await printer.newPage()
  await tab.emulateMedia({ media: 'print' })
  for (const [i, verifyUrl] of codes.entries()) {
    assert.ok(Buffer.byteLength(verifyUrl) <= 600)
    printed.set(`/receipt-${i}`, verifyUrl)
    await tab.goto(`${site.url}/receipt-${i}`)
    assert.equal(await tab.locator('.paper__bar').isVisible(), false, 'what is for the screen stays off the paper')
    // Whoever checks a receipt aims at the code; what stands around it is in the picture too.
    const box = (await tab.locator('.paper .qr').boundingBox())!
    const clip = { x: box.x - AROUND_PX, y: box.y - AROUND_PX, width: box.width + 2 * AROUND_PX, height: box.height + 2 * AROUND_PX }
    const png = await tab.screenshot({ fullPage: true, clip })
    if (process.env.YIMEN_PICTURES) save(process.env.YIMEN_PICTURES, `receipt-${i}.png`, png)
    for (const how of [
      { slant_deg: 0, sigma_px: 1, noise: 10 },
      { slant_deg: 2, sigma_px: 1.5, noise: 10 },
      { slant_deg: -4, sigma_px: 2, noise: 8 },
    ]) {
      const { grey, width, height } = await photograph(tab, png, how)
      const pixels = Uint8ClampedArray.from([...grey].flatMap(dot => [dot.charCodeAt(0), dot.charCodeAt(0), dot.charCodeAt(0), 255]))
      assert.equal(decode(pixels, width, height)?.data, verifyUrl, `${verifyUrl.length} bytes, ${JSON.stringify(how)}`)
    }
  }
  await printer.close()
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
