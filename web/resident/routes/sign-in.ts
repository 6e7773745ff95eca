import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Server } from '#kernel/http/server.ts'
import type { AppError } from '#kernel/result.ts'
import { finishSignIn, identityErrors, resendCode, signOut, startProof, startSignIn } from '#modules/identity/index.ts'
import { signInCodeSender } from '#modules/notify/index.ts'
import { fieldError } from '#web/ui/field-errors.ts'
import { waiting } from '#web/ui/format.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { cookieName, cookieOptions, type Visit } from '#web/visit.ts'
import { paths } from '../paths.ts'
import { proofPage, signInCodePage, signInPage } from '../sign-in.tsx'
import type { Pages } from './pages.ts'
import { textsOf } from './views.ts'

const SESSION_S = 30 * 86_400

/** What went wrong, beside the field of the page that is shown: the telephone first, later the code. */
function wordsFor(visit: Visit, error: AppError, field: 'phone' | 'code'): FieldError[] {
  const { lang } = visit.ctx
  const words = (): FieldError => {
    switch (error.code) {
      case identityErrors.phone_malformed.code:
        return fieldError(lang, 'phoneFormat')
      case identityErrors.code_wrong.code:
        return fieldError(lang, 'codeWrong', { left: Number(error.params?.left) })
      case identityErrors.code_expired.code:
        return fieldError(lang, 'codeExpired')
      case identityErrors.code_spent.code:
        return fieldError(lang, 'codeSpent')
      case identityErrors.too_many_codes.code:
        return fieldError(lang, 'tooManyCodes', { wait: waiting(lang, Number(error.params?.wait_s)) })
      default:
        return fieldError(lang, 'codeNotSent')
    }
  }
  return [{ ...words(), field }]
}

/** Phone number, then the code; a new session at each sign-in. */
export function addSignInRoutes(server: Server, pages: Pages): void {
  const { kernel } = pages.options
  const askedBy = (request: FastifyRequest) => ({
    clientKey: request.cookies[cookieName(kernel, 'browser')] ?? request.ip,
    address: request.ip,
  })

  server.get(paths.signIn, { schema: { hide: true } }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const { next, again } = textsOf(request.query)
    const show = again && visit.resident ? proofPage : signInPage
    return pages.html(reply, show(visit.page, { next: pages.localPath(next ?? paths.mine) }))
  })

  pages.form(server, paths.signIn, { per_minute: 10 }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const { phone = '', next, again } = textsOf(request.body)
    const asked = { ...askedBy(request), send: signInCodeSender(visit.ctx) }
    const isProof = !!again && !!visit.resident
    const started = isProof ? await startProof(visit.ctx, asked) : await startSignIn(visit.ctx, { phone, ...asked })
    if (started.ok) return pages.html(reply, signInCodePage(visit.page, { ...started.value, next: pages.localPath(next) }))
    if (isProof)
      return pages.html(reply, proofPage(visit.page, { next: pages.localPath(next), errors: wordsFor(visit, started.error, 'phone') }), 422)
    return pages.html(
      reply,
      signInPage(visit.page, { phone: phone.slice(0, 30), next: pages.localPath(next), errors: wordsFor(visit, started.error, 'phone') }),
      422,
    )
  })

  pages.form(server, paths.signInCode, { per_minute: 20 }, (request, reply) => finish(request, reply))

  async function finish(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const visit = await pages.visit(request, reply)
    const { challenge = '', code = '', next, resend } = textsOf(request.body)
    const back = pages.localPath(next, paths.mine)
    const again = (error: AppError) => {
      const phone = error.params?.phone
      // A handle nobody knows any more leaves nothing to go on with: the telephone is asked for again.
      const page =
        phone === undefined
          ? signInPage(visit.page, { next: back, errors: wordsFor(visit, error, 'phone') })
          : signInCodePage(visit.page, { challenge, phoneMasked: String(phone), next: back, errors: wordsFor(visit, error, 'code') })
      return pages.html(reply, page, 422)
    }
    if (resend) {
      const started = await resendCode(visit.ctx, { challenge, ...askedBy(request), send: signInCodeSender(visit.ctx) })
      return started.ok ? pages.html(reply, signInCodePage(visit.page, { ...started.value, next: back })) : again(started.error)
    }
    const done = await finishSignIn(visit.ctx, { challenge, code })
    if (!done.ok) return again(done.error)
    // A sign-in on top of another takes its place.
    const before = request.cookies[cookieName(kernel, 'session')]
    if (before) await signOut(kernel, pages.options.tenantId, before)
    void reply.setCookie(cookieName(kernel, 'session'), done.value.token, cookieOptions(kernel, SESSION_S))
    return reply.redirect(back, 303)
  }

  pages.form(server, paths.signOut, {}, async (request, reply) => {
    const token = request.cookies[cookieName(kernel, 'session')]
    if (token) await signOut(kernel, pages.options.tenantId, token)
    void reply.clearCookie(cookieName(kernel, 'session'), cookieOptions(kernel, 0))
    return reply.redirect(paths.home, 303)
  })
}
