/* The few functions of LiteRT's C API that run a model, as LiteRT 2.1.6 to 2.3 has them.
 *
 * The API is young: before 2.1.6 LiteRtCreateModelFromBuffer took no environment. Where LiteRT's own headers are at hand,
 * take those. Calls return 0, or the number of an error.
 */
#ifndef LITERT_H
#define LITERT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct LiteRtEnvironmentT *LiteRtEnvironment;
typedef struct LiteRtModelT *LiteRtModel;
typedef struct LiteRtOptionsT *LiteRtOptions;
typedef struct LiteRtOpaqueOptionsT *LiteRtOpaqueOptions;
typedef struct LiteRtCompiledModelT *LiteRtCompiledModel;
typedef struct LiteRtTensorBufferT *LiteRtTensorBuffer;

enum { LITERT_CPU = 1 };                    /* accelerators */
enum { LITERT_HOST_MEMORY = 1 };            /* kinds of buffers */
enum { LITERT_READ = 0, LITERT_WRITE = 1 }; /* what a lock is for */

typedef struct {
  unsigned int rank : 7;
  unsigned int has_strides : 1;
  int32_t dimensions[8];
  uint32_t strides[8];
} LiteRtLayout;

typedef struct {
  int element_type;
  LiteRtLayout layout;
} LiteRtRankedTensorType;

int LiteRtCreateEnvironment(int count, const void *options, LiteRtEnvironment *environment);
int LiteRtCreateModelFromBuffer(LiteRtEnvironment environment, const void *bytes, size_t size, LiteRtModel *model);
int LiteRtCreateOptions(LiteRtOptions *options);
int LiteRtSetOptionsHardwareAccelerators(LiteRtOptions options, int accelerators);
int LiteRtCreateOpaqueOptions(const char *whose, void *text, void (*release)(void *), LiteRtOpaqueOptions *options);
int LiteRtAddOpaqueOptions(LiteRtOptions options, LiteRtOpaqueOptions more);
int LiteRtCreateCompiledModel(LiteRtEnvironment environment, LiteRtModel model, LiteRtOptions options,
                              LiteRtCompiledModel *compiled);
int LiteRtCreateManagedTensorBuffer(LiteRtEnvironment environment, int kind, const LiteRtRankedTensorType *type,
                                    size_t bytes, LiteRtTensorBuffer *buffer);
int LiteRtLockTensorBuffer(LiteRtTensorBuffer buffer, void **memory, int what_for);
int LiteRtUnlockTensorBuffer(LiteRtTensorBuffer buffer);
int LiteRtRunCompiledModel(LiteRtCompiledModel compiled, size_t signature, size_t inputs, LiteRtTensorBuffer *input,
                           size_t outputs, LiteRtTensorBuffer *output);
void LiteRtDestroyTensorBuffer(LiteRtTensorBuffer buffer);
void LiteRtDestroyCompiledModel(LiteRtCompiledModel compiled);
void LiteRtDestroyOptions(LiteRtOptions options);
void LiteRtDestroyModel(LiteRtModel model);
void LiteRtDestroyEnvironment(LiteRtEnvironment environment);

#ifdef __cplusplus
}
#endif

#endif
