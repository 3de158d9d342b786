import { rootArn } from '../arn.ts'

/** What CreateKey gives a key when it is sent no policy, printed as AWS prints it (kms-api.md §8.3). */
export const defaultKeyPolicy = (at: { partition: string; account: string }): string => `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "${rootArn(at)}"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`
