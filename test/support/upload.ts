import type { Desk } from '../abuse/support.ts'
import type { Product } from './product.ts'

const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

/** Sends a form with a file as a browser does. */
export async function upload(
  product: Product,
  desk: Desk,
  path: string,
  fields: Record<string, string>,
  file?: { name: string; bytes: Buffer },
) {
  const form = new FormData()
  for (const [name, value] of Object.entries({ csrf: desk.csrf, ...fields })) form.set(name, value)
  if (file) form.set('file', new File([new Uint8Array(file.bytes)], file.name))
  const answer = await fetch(product.url + path, {
    method: 'POST',
    body: form,
    redirect: 'manual',
    headers: { cookie: [...desk.browser.cookies].map(([k, v]) => `${k}=${v}`).join('; '), origin: product.url },
  })
  return { status: answer.status, location: answer.headers.get('location'), text: textOf(await answer.text()) }
}
