"""TensorFlow's ops that compute and do nothing else: an allow-list.

An op belongs here when it touches tensors, variables and tables in memory alone: no file, address,
Python function, device setting or debugger, and no code in another form (XLA, TensorRT).
"""

_GRAPH = """
Assert BroadcastArgs BroadcastTo Case Const EnsureShape Enter Exit Fill Identity IdentityN If
LoopCond Merge NextIteration NoOp OnesLike PartitionedCall Placeholder PlaceholderWithDefault
PreventGradient Rank Shape ShapeN Size Snapshot StatefulPartitionedCall StatelessCase StatelessIf
StatelessWhile StopGradient Switch While ZerosLike
"""

_VARIABLES = """
AnonymousHashTable AssignAddVariableOp AssignSubVariableOp AssignVariableOp DestroyResourceOp
DisableCopyOnRead EmptyTensorList HashTableV2 InitializeTableV2 LookupTableExportV2
LookupTableFindV2 LookupTableImportV2 LookupTableInsertV2 LookupTableSizeV2
MutableDenseHashTableV2 MutableHashTableV2 ReadVariableOp ResourceGather ResourceGatherNd
TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather TensorListGetItem
TensorListLength TensorListPopBack TensorListPushBack TensorListReserve TensorListResize
TensorListScatterIntoExistingList TensorListScatterV2 TensorListSetItem TensorListSplit
TensorListStack VarHandleOp VarIsInitializedOp VariableShape
"""

_NUMBERS = """
Abs AccumulateNV2 Acos Acosh Add AddN AddV2 All Angle Any ApproximateEqual ArgMax ArgMin Asin
Asinh Atan Atan2 Atanh BatchMatMul BatchMatMulV2 BatchMatMulV3 BesselI0e BesselI1e Betainc
Bincount Bitcast BitwiseAnd BitwiseOr BitwiseXor Bucketize Cast Ceil CheckNumerics Cholesky
ClipByValue Complex ComplexAbs Conj Cos Cosh Cross Cumprod Cumsum CumulativeLogsumexp
DenseBincount Diag DiagPart Digamma Div DivNoNan Einsum Equal Erf Erfc Erfinv Exp Expm1 FFT FFT2D
Floor FloorDiv FloorMod Greater GreaterEqual HistogramFixedWidth IFFT IFFT2D IRFFT IRFFT2D Igamma
Igammac Imag InTopKV2 Inv Invert IsFinite IsInf IsNan L2Loss LeftShift Less LessEqual Lgamma
LinSpace Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul MatrixBandPart
MatrixDeterminant MatrixDiagPartV3 MatrixDiagV3 MatrixInverse MatrixSetDiagV3 MatrixSolve
MatrixTriangularSolve Max Maximum Mean Min Minimum Mod Mul MulNoNan Multinomial Ndtri Neg
NextAfter NotEqual NthElement Polygamma Pow Prod Qr RFFT RFFT2D RandomShuffle RandomStandardNormal
RandomUniform RandomUniformInt Range Real RealDiv Reciprocal RightShift Rint Round Rsqrt
SegmentMax SegmentMean SegmentMin SegmentProd SegmentSum Select SelectV2 SelfAdjointEigV2 Sigmoid
Sign Sin Sinh Softmax Softplus Softsign SparseSegmentMean SparseSegmentSqrtN SparseSegmentSum Sqrt
Square SquaredDifference StatelessMultinomial StatelessRandomGetAlg StatelessRandomGetKeyCounter
StatelessRandomNormal StatelessRandomNormalV2 StatelessRandomUniform StatelessRandomUniformInt
StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessTruncatedNormalV2 Sub Sum Svd Tan
Tanh TopK TopKV2 TruncateDiv TruncateMod TruncatedNormal UnsortedSegmentMax UnsortedSegmentMin
UnsortedSegmentProd UnsortedSegmentSum Xdivy Xlog1py Xlogy Zeta
"""

_ARRAYS = """
BatchToSpace BatchToSpaceND Concat ConcatOffset ConcatV2 DepthToSpace DynamicPartition
DynamicStitch ExpandDims ExtractImagePatches Gather GatherNd GatherV2 InvertPermutation LowerBound
MirrorPad OneHot Pack Pad PadV2 ParallelConcat ParallelDynamicStitch RaggedBincount RaggedCross
RaggedFillEmptyRows RaggedGather RaggedRange RaggedTensorFromVariant RaggedTensorToSparse
RaggedTensorToTensor RaggedTensorToVariant Reshape Reverse ReverseSequence ReverseV2 Roll
ScatterNd Slice SpaceToBatch SpaceToBatchND SpaceToDepth SparseAdd SparseConcat SparseCross
SparseDenseCwiseAdd SparseDenseCwiseMul SparseFillEmptyRows SparseReduceMax SparseReduceSum
SparseReorder SparseReshape SparseSlice SparseSoftmax SparseSplit SparseTensorDenseMatMul
SparseToDense Split SplitV Squeeze StridedSlice TensorScatterAdd TensorScatterMax TensorScatterMin
TensorScatterSub TensorScatterUpdate Tile Transpose Unique UniqueV2 UniqueWithCounts
UniqueWithCountsV2 Unpack UnravelIndex UpperBound Where
"""

_NETWORKS = """
AvgPool AvgPool3D BiasAdd BiasAddV1 Conv2D Conv2DBackpropInput Conv3D Conv3DBackpropInputV2
DepthwiseConv2dNative Dequantize Dilation2D Elu FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars
FakeQuantWithMinMaxVarsPerChannel FractionalAvgPool FractionalMaxPool FusedBatchNorm
FusedBatchNormV2 FusedBatchNormV3 FusedPadConv2D LRN LeakyRelu MaxPool MaxPool3D MaxPoolV2
MaxPoolWithArgmax QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 QuantizeAndDequantizeV4
QuantizeV2 Relu Relu6 Selu
"""

_IMAGES = """
AdjustContrastv2 AdjustHue AdjustSaturation CombinedNonMaxSuppression CropAndResize
DecodeAndCropJpeg DecodeBmp DecodeImage DecodeJpeg DecodePng DrawBoundingBoxesV2 EncodeJpeg
EncodePng ExtractGlimpseV2 ExtractJpegShape HSVToRGB ImageProjectiveTransformV3
NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5 RGBToHSV ResizeArea ResizeBicubic
ResizeBilinear ResizeNearestNeighbor ScaleAndTranslate
"""

_TEXTS = """
AsString DecodeBase64 DecodePaddedRaw DecodeRaw EncodeBase64 RegexFullMatch RegexReplace
StaticRegexFullMatch StaticRegexReplace StringFormat StringJoin StringLength StringLower
StringNGrams StringSplit StringSplitV2 StringStrip StringToHashBucket StringToHashBucketFast
StringToHashBucketStrong StringToNumber StringUpper Substr UnicodeDecode UnicodeDecodeWithOffsets
UnicodeEncode UnicodeScript UnicodeTranscode UnsortedSegmentJoin
"""

PURE_OPS = frozenset(
    " ".join((_GRAPH, _VARIABLES, _NUMBERS, _ARRAYS, _NETWORKS, _IMAGES, _TEXTS)).split()
)
