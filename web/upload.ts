import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Server } from '#kernel/http/server.ts'

/** A form with a file in it; texts as typed. */
export interface Upload {
  readonly texts: Readonly<Record<string, string>>
  readonly file?: { readonly name: string; readonly bytes: Buffer }
}

/** Where the parser leaves the form: no body of another kind can have this key. */
const UPLOAD = Symbol('upload')

/** Read by the parser the runtime brings along. */
async function readUpload(contentType: string, body: Buffer): Promise<Upload> {
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData()
  const texts: Record<string, string> = {}
  for (const [name, value] of form) if (typeof value === 'string') texts[name] = value
  const file = form.get('file')
  return { texts, ...(file instanceof File && { file: { name: file.name, bytes: Buffer.from(await file.arrayBuffer()) } }) }
}

export interface UploadCorner {
  readonly path: string
  readonly bytesMax: number
  readonly perMinute: number
  /** A form of another kind carries no file, whatever it names so: then `upload` has none. */
  answer(request: FastifyRequest, reply: FastifyReply, upload: Upload): Promise<FastifyReply>
  /** 413: more than `bytesMax`. 400: no form at all. */
  refuse(request: FastifyRequest, reply: FastifyReply, status: 400 | 413): Promise<FastifyReply>
  guarded(request: FastifyRequest, reply: FastifyReply, work: () => Promise<FastifyReply>): Promise<FastifyReply>
}

/** The only corners of the server that read forms with files. */
export function addUploadCorner(server: Server, given: UploadCorner): void {
  void server.register(async (corner: FastifyInstance) => {
    corner.addContentTypeParser('multipart/form-data', { parseAs: 'buffer', bodyLimit: given.bytesMax }, (request, body, done) => {
      readUpload(request.headers['content-type'] ?? '', body as Buffer).then(
        // The token of the visit is looked for among the fields of the form.
        upload => done(null, { ...upload.texts, [UPLOAD]: upload }),
        () => done(Object.assign(new Error('not a form'), { statusCode: 400 })),
      )
    })
    corner.setErrorHandler(async (error: FastifyError, request, reply) => {
      if (error.statusCode !== 413 && error.statusCode !== 400) throw error
      return given.refuse(request, reply, error.statusCode)
    })
    const config = { rateLimit: { max: given.perMinute, timeWindow: '1 minute' } }
    corner.post(given.path, { schema: { hide: true } as object, config }, (request, reply) =>
      given.guarded(request, reply, () => given.answer(request, reply, (request.body as { [UPLOAD]?: Upload })[UPLOAD] ?? { texts: {} })),
    )
  })
}
