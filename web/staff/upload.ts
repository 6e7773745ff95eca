import type { FastifyReply } from 'fastify'
import type { Server } from '#kernel/http/server.ts'
import type { AppError } from '#kernel/result.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { addUploadCorner, type UploadCorner } from '#web/upload.ts'
import { type Desk, isDesk, openDesk } from './desk.ts'

export interface DeskUpload extends Pick<UploadCorner, 'path' | 'bytesMax' | 'perMinute' | 'answer'> {
  /** What is written on the trail when the file is refused before it is read. */
  readonly refused: AppError
  /** The page with the form again, and what is wrong beside its field. */
  again(desk: Desk, reply: FastifyReply, errors: FieldError[]): Promise<FastifyReply>
}

/** Where somebody at the desk brings a file; too large, or no form at all, is said beside the field `file`. */
export function addDeskUpload(server: Server, pages: Pages, { refused, again, ...corner }: DeskUpload): void {
  const { enter } = openDesk(pages)
  addUploadCorner(server, {
    ...corner,
    guarded: pages.guarded,
    async refuse(request, reply, status) {
      const desk = await enter(request, reply)
      if (!isDesk(desk)) return desk
      pages.refused({ ...desk.visit, ctx: desk.ctx }, { ...refused }, `POST ${corner.path}`)
      const text = t(desk.ctx.lang)(status === 413 ? 'staff.error_file_large' : 'staff.error_file')
      return again(desk, reply, [{ field: 'file', text }])
    },
  })
}
